"""The local AWS API, and every store of warm states on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import build
from prefixwarm.provider.client import Provider
from prefixwarm.provider.routes import ROUTES
from prefixwarm.simulator import AwsKey, running
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport
from tests.helpers.derived import derive
from tests.helpers.state_table import create_state_table
from tests.helpers.warming import warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from prefixwarm.simulator import Simulator
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State

HOUR = {"type": "ephemeral", "ttl": "1h"}
MODELS = {
    "bedrock-mantle": "anthropic.claude-sonnet-5-5",
    "bedrock": "global.anthropic.claude-sonnet-5-5",
    "bedrock-converse": "global.anthropic.claude-sonnet-5-5",
}
SCHEMA = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """MiniStack; its conditional writes are atomic (see test_atomicity)."""
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def signed(aws: LocalAws) -> Iterator[AwsClient]:
    """Our own AWS client, without boto3."""
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
def table(aws: LocalAws) -> str:
    """A table as the construct makes it."""
    name = f"warm-{uuid4().hex[:8]}"
    create_state_table(aws, name)
    return name


@pytest.fixture
def dynamo(signed: AwsClient, table: str) -> StateStore:
    """The store of the init phase."""
    return StateStore(table, signed_calls(signed))


@pytest.fixture(params=["memory", "file", "signed", "boto3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    """Each store in turn: all keep one contract."""
    makers: dict[str, Callable[[], StateStore]] = {
        "memory": MemoryState,
        "file": lambda: FileState(tmp_path / "state.json"),
        "signed": lambda: request.getfixturevalue("dynamo"),
        "boto3": lambda: StateStore(
            request.getfixturevalue("table"), boto_calls(request.getfixturevalue("boto"))
        ),
    }
    return makers[request.param]()


@pytest.fixture
def key() -> str:
    """A state that no other test knows."""
    name = f"support-{uuid4().hex}"
    return f"state/anthropic/-/default/{name}/claude-sonnet-5-5/{'0' * 32}"


@pytest.fixture
def soon() -> Deadline:
    """A deadline that a working store never reaches."""
    return Deadline.after(60)


class Bench:
    """One agent's prefix on one route of a simulated provider."""

    def __init__(self, sim: Simulator, route: str, scope: str, **request: Any) -> None:
        self.sim = sim
        self.route = route
        self.transport = HttpTransport({})
        self.environ = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "ANTHROPIC_AWS_WORKSPACE_ID": "wrkspc_default",
            ROUTES[route].base_url_variable: (
                sim.mantle_url if route == "bedrock-mantle" else sim.url
            ),
        }
        if route == "anthropic":
            self.environ["ANTHROPIC_API_KEY"] = "sk-bench"
        self.request = agent_request(route) | request
        takes_version = "anthropic-version" in ROUTES[route].allowed_headers
        headers = {"anthropic-version": "2026-10-21"} if takes_version else {}
        prices = {"input": 2.0, "read": 0.1, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0}
        self.prefix = build(
            "support",
            derive(self.request),
            route=route,
            headers=headers,
            prices={"as_of": "2026-11-21", "source": "test", "usd_per_mtok": prices},
        )
        self.call = compile_prefix(self.prefix)
        self.key = self.call.key(scope, self.environ)

    @property
    def state_until(self) -> Deadline:
        """A deadline that a working store never reaches."""
        return Deadline.after(60)

    def aws_client(self) -> AwsClient:
        """Signs with this bench's keys."""
        return AwsClient(
            transport=self.transport,
            credentials=aws_credentials(self.environ, self.transport),
            environ=self.environ,
        )

    def provider(self, aws: AwsClient | None = None, secret: str | None = None) -> Provider:
        """The provider as this bench reaches it."""
        return Provider(self.transport, aws or self.aws_client(), secret, self.environ)

    def options(self, owner: str = "a", **more: Any) -> CallOptions:
        """Ask for a warm entry, now."""
        wanted: dict[str, Any] = {"needed_until": self.sim.now() + 60} | more
        return CallOptions(key=self.key, owner=owner, **wanted)

    def warm(
        self,
        store: StateStore,
        ask: CallOptions | None = None,
        seconds: float = 60,
        wait: Deadline | None = None,
    ) -> Outcome:
        """One warm call, or none where none is due."""
        until, now = Deadline.after(seconds), self.sim.now
        return warm(self.call, ask or self.options(), store, self.provider(), until, now, wait)

    def state(self, store: StateStore) -> State:
        """The warm state."""
        return store.read(self.key, self.state_until)


def agent_request(route: str) -> dict[str, Any]:
    """What an agent sends: a tool, and some 900 tokens of system prompt."""
    text = " ".join(f"Rule {i}: answer politely and look it up first." for i in range(90))
    if route == "bedrock-converse":
        return converse_request(text)
    request: dict[str, Any] = {
        "model": MODELS.get(route, "claude-sonnet-5-5"),
        "max_tokens": 64,
        "tools": [{"name": "look_up", "description": "Looks up.", "input_schema": SCHEMA}],
        "system": [{"type": "text", "text": text, "cache_control": HOUR}],
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
    }
    return request | ({"anthropic_version": "2026-10-21"} if route == "bedrock" else {})


def converse_request(text: str) -> dict[str, Any]:
    """The same for Converse."""
    tool = {"name": "look_up", "description": "Looks up.", "inputSchema": {"json": SCHEMA}}
    return {
        "modelId": MODELS["bedrock-converse"],
        "inferenceConfig": {"maxTokens": 64},
        "toolConfig": {"tools": [{"toolSpec": tool}]},
        "system": [{"text": text}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "messages": [{"role": "user", "content": [{"text": "Where is my parcel?"}]}],
    }


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A provider whose time stands still."""
    with running(clock="manual", aws_keys={"AKIDEXAMPLE": AwsKey("secret")}) as simulator:
        yield simulator


@pytest.fixture
def bench(sim: Simulator) -> Iterator[Callable[..., Bench]]:
    """Make benches on the simulated provider."""
    made: list[Bench] = []
    scope = uuid4().hex  # of this test alone: the table is shared

    def make(route: str = "anthropic", at: Simulator = sim, **request: Any) -> Bench:
        made.append(Bench(at, route, scope, **request))
        return made[-1]

    yield make
    for one in made:
        one.transport.close()
