"""Items that a transaction writes to at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state.dynamodb import DynamoState, signed_calls
from prefixwarm.state.model import METRIC
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Response

if TYPE_CHECKING:
    from prefixwarm.state.dynamodb import DynamoCall
    from prefixwarm.wire.http import Request

BUSY = "TransactionConflictException"
ENVIRON = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


class Table:
    """A table that is busy so many times; counts what it was asked."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.asked = 0

    def send(self, request: Request, deadline: Deadline) -> Response:
        """Answer as DynamoDB's API does."""
        self.asked += 1
        found = self.asked <= self.busy
        body = b'{"__type":"com.amazonaws.dynamodb.v20120810#%s"}' % BUSY.encode()
        return Response(
            status=400 if found else 200,
            headers={},
            body=body if found else b"{}",
            first_byte_after=0.0,
        )


def signed(table: Table) -> DynamoCall:
    """The init phase's calls to it."""
    credentials = aws_credentials(ENVIRON, table)
    return signed_calls(AwsClient(transport=table, credentials=credentials, environ=ENVIRON))


def stubbed(busy: int) -> Any:
    """boto3's calls to such a table."""
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
    stub = Stubber(client)
    for _ in range(busy):
        stub.add_client_error("update_item", BUSY, http_status_code=400)
    stub.add_response("update_item", {})
    stub.activate()
    return client


@pytest.mark.parametrize("busy", [1, 3])
def test_a_write_waits_for_the_transaction(busy: int) -> None:
    """Whoever writes."""
    table = Table(busy)
    for call in (signed(table), boto_calls(stubbed(busy))):
        DynamoState("warm", call).saw_traffic("k", 1.0, METRIC, Deadline.after(60))
    assert table.asked == busy + 1


def test_it_does_not_wait_for_ever() -> None:
    """An item that is always busy is out of reach."""
    table = Table(1000)
    for call in (signed(table), boto_calls(stubbed(1000))):
        with pytest.raises(StateError, match=BUSY):
            DynamoState("warm", call).saw_traffic("k", 1.0, METRIC, Deadline.after(60))
    assert table.asked == 4
