"""An environment's first model call waits for a warm call in flight, and reads what it wrote."""

from __future__ import annotations

import json
from threading import Event
from time import time
from typing import TYPE_CHECKING, Any

import anyio
import boto3
import pytest

from prefixwarm.errors import StateError
from prefixwarm.observe import Observer, watch
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import Failure, Lease, LeaseRequest, shared_key
from prefixwarm.wire.deadline import Deadline
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from prefixwarm.state.warm_state import State

LONG = "30000"
SHORT = "50"


class InFlight(MemoryState):
    """Somebody is warming; the call ends when the prefix's state is read for the third time."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.finish: Any = None

    def read(self, key: str, deadline: Deadline) -> State:
        """See `StateStore`; what all versions share is not counted."""
        if key == shared_key(key):
            return super().read(key, deadline)
        self.reads += 1
        if self.reads == 3 and self.finish is not None:
            finish, self.finish = self.finish, None
            lease = Lease(key=key, owner="w", token=1)
            done = Failure(outcome="failed", reason="", at=time(), backoff_until=time(), calls=0)
            self.fail(lease, done, deadline)
            finish()
        return super().read(key, deadline)


@pytest.fixture
def warming(fleet: Any) -> Any:
    """A fleet with a lease that was just taken."""
    running = fleet(InFlight())
    wish = LeaseRequest(name="support", owner="w", now=time(), seconds=100, needed_until=time())
    assert running.state.take_lease(running.key, wish, Deadline.after(60))[1]
    return running


def results(fleet: Any, observer: Any) -> list[str]:
    assert observer.flush(30)
    return [line["result"] for line in fleet.lines if "result" in line]


def leased(fleet: Any) -> bool:
    """Whether the warm call is still in flight."""
    state: State = MemoryState.read(fleet.state, fleet.key, Deadline.after(60))
    return state.leased(time())


def test_reads_instead_of_writing_twice(
    warming: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request leaves after the warm call's reply; the next one does not look again."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)
    warming.state.finish = warming.warm
    observer = warming.observer()
    agent = warming.agent(observer)
    agent.messages.create(**make_request())
    assert results(warming, observer) == ["hit"]
    sent = warming.simulator.requests()
    assert [request["body"]["max_tokens"] for request in sent] == [0, 50]
    looked = warming.state.reads
    agent.messages.create(**make_request())
    assert results(warming, observer) == ["hit", "hit"]
    assert warming.state.reads == looked


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_asynchronous_client(
    warming: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """Both of two calls at once; the loop goes on meanwhile, whichever it is."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)
    warming.state.finish = warming.warm
    observer = warming.observer()

    async def talk() -> None:
        async with warming.async_agent(observer) as agent, anyio.create_task_group() as both:
            for _ in "ab":
                both.start_soon(lambda: agent.messages.create(**make_request()))

    anyio.run(talk, backend=loop)
    assert results(warming, observer) == ["hit", "hit"]


def test_off_by_default(warming: Any, make_request: Any) -> None:
    """Nothing is looked at before the request is sent."""
    observer = warming.observer()
    warming.agent(observer).messages.create(**make_request())
    assert leased(warming)
    assert results(warming, observer) == ["miss"]


@pytest.mark.parametrize("loop", ["", "asyncio", "trio"])
def test_never_longer_than_the_bound(
    warming: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """The lease outlives it: the request is sent all the same."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", SHORT)
    observer = warming.observer()

    async def talk() -> None:
        async with warming.async_agent(observer) as agent:
            await agent.messages.create(**make_request())

    if loop:
        anyio.run(talk, backend=loop)
    else:
        warming.agent(observer).messages.create(**make_request())
    assert leased(warming)
    assert results(warming, observer) == ["miss"]


def test_a_table_that_hangs_holds_nobody(
    fleet: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when it ignores its deadline."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", SHORT)
    answered = Event()

    class Hangs(MemoryState):
        def read(self, key: str, deadline: Deadline) -> State:
            answered.wait(60)
            return super().read(key, deadline)

    one = fleet(Hangs())
    reply = one.agent(one.observer(announced=False)).messages.create(**make_request())
    assert reply.usage.cache_creation_input_tokens
    assert not answered.is_set()
    answered.set()


def test_a_table_that_fails_holds_nobody(
    fleet: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errors stay here, and end the wait long before the bound."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)

    class Away(MemoryState):
        def read(self, key: str, deadline: Deadline) -> State:
            raise StateError("away")

    one = fleet(Away())
    assert one.agent(one.observer()).messages.create(**make_request()).usage


@pytest.mark.parametrize("warm", [False, True])
def test_waits_for_writes_alone(
    fleet: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch, warm: bool
) -> None:
    """Not when nobody warms, nor while what is warm is refreshed."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)
    one = fleet(InFlight())
    if warm:
        assert one.warm().ok
        wish = LeaseRequest(
            name="s", owner="w", now=time(), seconds=100, needed_until=time() + 9999
        )
        assert one.state.take_lease(one.key, wish, Deadline.after(60))[1]
    one.state.reads = 0
    observer = one.observer()
    one.agent(observer).messages.create(**make_request())
    assert results(one, observer) == ["hit" if warm else "miss"]
    assert leased(one) is warm
    assert one.state.reads == 2  # once by the gate, once for the report


def test_drift_does_not_wait(
    warming: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not read what is written."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)
    observer = warming.observer()
    warming.agent(observer).messages.create(**make_request(system="You are a healer. " * 400))
    assert results(warming, observer) == ["drift"]
    assert warming.state.reads == 1


def test_boto3(fleet: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first InvokeModel leaves when the lease has ended."""
    monkeypatch.setenv("PREFIXWARM_GATE_MS", LONG)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    one = fleet(InFlight())
    model = "global.anthropic.claude-sonnet-5-5"
    prefix = make_prefix("support", make_request(model=model), route="bedrock")
    key = compile_prefix(prefix).key("default", {"AWS_REGION": "us-east-1"})
    wish = LeaseRequest(name="support", owner="w", now=time(), seconds=100, needed_until=time())
    assert one.state.take_lease(key, wish, Deadline.after(60))[1]
    sent_before: list[int] = []
    one.state.finish = lambda: sent_before.append(len(one.simulator.requests()))
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=one.simulator.url,
        aws_access_key_id="AKIDTEST",
        aws_secret_access_key="secret",
    )
    watch(client, Observer([prefix], state=one.state, emit=lambda _line: None))
    body = {**make_request(), "anthropic_version": "bedrock-2023-05-31"}
    del body["model"]
    client.invoke_model(modelId=model, body=json.dumps(body))["body"].read()
    client.close()
    assert (sent_before, len(one.simulator.requests())) == ([0], 1)
