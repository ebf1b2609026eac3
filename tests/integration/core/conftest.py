"""The local AWS API, and every store of warm states on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from prefixwarm.core.aws import AwsClient
from prefixwarm.core.credentials import aws_credentials
from prefixwarm.core.deadline import Deadline
from prefixwarm.core.dynamo import DUE_INDEX, DynamoState, signed_calls
from prefixwarm.core.http import HttpTransport
from prefixwarm.core.memory import FileState, MemoryState
from prefixwarm.demo.local_aws import LocalAws
from prefixwarm.keepwarm.store import boto_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from prefixwarm.core.seams import StateStore

# How long an example takes says nothing on a busy machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """MiniStack; its conditional writes are atomic (see test_atomicity)."""
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def signed(aws: LocalAws) -> Iterator[AwsClient]:
    """Core's own AWS client."""
    environ = aws.environment()
    transport = HttpTransport({})
    yield AwsClient(
        transport=transport, credentials=aws_credentials(environ, transport), environ=environ
    )
    transport.close()


@pytest.fixture(scope="session")
def boto(aws: LocalAws) -> Iterator[Any]:
    """A DynamoDB client of boto3."""
    client = aws.client("dynamodb")
    yield client
    client.close()


@pytest.fixture(scope="session")
def table(boto: Any) -> str:
    """A table as the construct makes it."""
    name = f"warm-{uuid4().hex[:8]}"
    boto.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "due_shard", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": DUE_INDEX,
                "KeySchema": [
                    {"AttributeName": "due_shard", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return name


@pytest.fixture
def dynamo(signed: AwsClient, table: str) -> DynamoState:
    """The store of the init phase."""
    return DynamoState(table, signed_calls(signed))


@pytest.fixture(params=["memory", "file", "signed", "boto3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    """Each store in turn: all keep one contract."""
    makers: dict[str, Callable[[], StateStore]] = {
        "memory": MemoryState,
        "file": lambda: FileState(tmp_path / "state.json"),
        "signed": lambda: request.getfixturevalue("dynamo"),
        "boto3": lambda: DynamoState(
            request.getfixturevalue("table"), boto_calls(request.getfixturevalue("boto"))
        ),
    }
    return makers[request.param]()


@pytest.fixture
def key() -> str:
    """A state that no other test knows."""
    return f"state/anthropic/-/default/claude-sonnet-5-5/{uuid4().hex}"


@pytest.fixture
def soon() -> Deadline:
    """A deadline that a working store never reaches."""
    return Deadline.after(60)
