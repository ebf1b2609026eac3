"""Rules 40 to 48: the traps, against the product's own warm calls and the real SDK's requests."""

from __future__ import annotations

import copy
import json
import threading
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.prefix_file import build
from prefixwarm.simulator import Principal
from prefixwarm.state.memory import MemoryState
from prefixwarm.warm.acquire import without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from tests.helpers.derived import derive
from tests.helpers.warming import warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.provider.client import Provider
    from prefixwarm.simulator import Simulator
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.wire.http import HttpTransport
    from tests.integration.simulator.conftest import Json, MakeApi, MakeJson, MakeText


VERSION = {"anthropic-version": "2026-10-21"}
SCHEMA = {"type": "object", "properties": {"zip": {"type": "string"}, "city": {"type": "string"}}}


class Bench:
    """The product and an agent before one simulator."""

    def __init__(self, sim: Simulator, key: str = "agent") -> None:
        self.sim = sim
        self.agent = anthropic.Anthropic(api_key=key, base_url=sim.url, max_retries=0)
        self._transports: list[HttpTransport] = []

    def close(self) -> None:
        """Close every connection."""
        self.agent.close()
        for transport in self._transports:
            transport.close()

    def call(
        self, request: dict[str, Any], ttl: str = "5m", headers: dict[str, str] = VERSION
    ) -> WarmCall:
        """Compile the warm call of an agent's request, as a deployment does."""
        return compile_prefix(build("trap", derive(request, ttl=ttl), headers=headers))

    def provider(self, key: str = "agent") -> Provider:
        """A provider with connections of its own."""
        environ = {"ANTHROPIC_BASE_URL": self.sim.url, "ANTHROPIC_API_KEY": key}
        connections = connect(environ)
        self._transports.append(connections.transport)
        return connections.provider

    def warm(self, call: WarmCall, key: str = "agent") -> Outcome:
        """Make one warm call."""
        return without_lease(call, Deadline.after(30)).send(self.provider(key))

    def read(self, request: dict[str, Any], **options: Any) -> int:
        """Send the agent's request; returns the cache tokens it read."""
        return self.agent.messages.create(**request, **options).usage.cache_read_input_tokens


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Builds benches."""
    made = []

    def make(sim: Simulator, **options: Any) -> Bench:
        made.append(Bench(sim, **options))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def bench(sim: Simulator, make_bench: Callable[..., Bench]) -> Bench:
    """A bench on the manual clock."""
    return make_bench(sim)


@pytest.fixture
def request_of(words: MakeText) -> MakeJson:
    """Builds an agent's request: one tool, a marked system block, a question."""

    def build_request(**changes: Any) -> dict[str, Any]:
        marker = {"type": "ephemeral"}
        base = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 20,
            "tools": [{"name": "look", "description": "Looks.", "input_schema": SCHEMA}],
            "system": [{"type": "text", "text": words(2000), "cache_control": marker}],
            "messages": [{"role": "user", "content": "Where is my order?"}],
        }
        return {key: value for key, value in {**base, **changes}.items() if value is not None}

    return build_request


def test_the_warm_call_is_read_by_the_agent_to_the_token(
    bench: Bench, request_of: MakeJson
) -> None:
    """What the traps below deviate from."""
    outcome = bench.warm(bench.call(request_of()))
    assert outcome.kind == "written"
    assert bench.read(request_of()) == outcome.usage.written > 2000


def test_rule_40_a_marker_on_the_placeholder_warms_nothing(
    bench: Bench, request_of: MakeJson
) -> None:
    automatic = request_of(cache_control={"type": "ephemeral"})
    automatic["system"] = automatic["system"][0]["text"]
    naive = {**automatic, "max_tokens": 0, "messages": [{"role": "user", "content": "warm"}]}
    assert bench.agent.messages.create(**naive).usage.cache_creation_input_tokens > 2000
    assert bench.read(automatic) == 0


def test_rule_40_the_product_marks_the_shared_end_instead(
    bench: Bench, request_of: MakeJson
) -> None:
    automatic = request_of(cache_control={"type": "ephemeral"})
    automatic["system"] = automatic["system"][0]["text"]
    outcome = bench.warm(bench.call(automatic))
    assert outcome.kind == "written"
    # The placeholder stays outside: automatic caching walks back to the shared end.
    assert bench.read(automatic) == outcome.usage.written


def test_rule_41_a_warm_call_without_tools_warms_nothing(
    bench: Bench, request_of: MakeJson
) -> None:
    bench.warm(bench.call(request_of(tools=None)))
    assert bench.read(request_of()) == 0


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"output_config": {"effort": "low"}}, {}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({}, {"anthropic-beta": "context-management-2025-06-27"}),
    ],
)
def test_rule_42_another_effort_thinking_or_beta_set_warms_nothing(
    bench: Bench, request_of: MakeJson, change: Json, headers: dict[str, str]
) -> None:
    bench.warm(bench.call(request_of(**change), headers={**VERSION, **headers}))
    assert bench.read(request_of()) == 0
    if headers:
        options = {"extra_headers": headers}
        assert bench.read(request_of(), **options) > 2000
    else:
        assert bench.read(request_of(**change)) > 2000


def test_rule_43_a_timestamp_in_the_system_prompt_is_never_read(
    bench: Bench, request_of: MakeJson, words: MakeText
) -> None:
    kinds = []
    for second in range(3):
        text = f"Now: 12:00:0{second}. {words(2000)}"
        system = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
        kinds.append(bench.warm(bench.call(request_of(system=system))).kind)
    assert kinds == ["written"] * 3
    assert bench.sim.ledger()["total"]["read"] == 0


@pytest.mark.parametrize(("tokens", "kind"), [(1023, "uncached"), (1024, "written")])
def test_rule_44_one_token_under_the_minimum_is_never_warm(
    bench: Bench, request_of: MakeJson, words: MakeText, tokens: int, kind: str
) -> None:
    system = [{"type": "text", "text": words(tokens), "cache_control": {"type": "ephemeral"}}]
    outcome = bench.warm(bench.call(request_of(system=system, tools=None)))
    assert outcome.kind == kind
    assert outcome.ok is (kind == "written")


@pytest.mark.parametrize(("interval", "kind"), [(240, "refreshed"), (300, "written")])
def test_rule_45_an_interval_of_the_ttl_writes_each_time(
    bench: Bench, request_of: MakeJson, interval: int, kind: str
) -> None:
    call = bench.call(request_of())
    bench.warm(call)
    kinds = []
    for _ in range(3):
        bench.sim.advance(interval)
        kinds.append(bench.warm(call).kind)
    assert kinds == [kind] * 3


FLEET = 50


@pytest.mark.parametrize(("single_flight", "writes"), [(False, FLEET), (True, 1)])
def test_rule_46_fifty_environments_at_once(
    make_api: MakeApi,
    make_bench: Callable[..., Bench],
    request_of: MakeJson,
    single_flight: bool,
    writes: int,
) -> None:
    bench = make_bench(make_api(gather=0.25).sim)
    # All are open together, however long they take to arrive.
    bench.sim.inject(kind="slow", seconds=3)
    call, store, barrier = bench.call(request_of()), MemoryState(), threading.Barrier(FLEET)
    outcomes = []

    def start(number: int) -> None:
        provider = bench.provider()
        barrier.wait()
        if single_flight:
            ask = CallOptions(key="trap", owner=f"env-{number}", needed_until=0.0)
            until = Deadline.after(60)
            outcomes.append(warm(call, ask, store, provider, until, clock=bench.sim.now))
        else:
            outcomes.append(without_lease(call, Deadline.after(60)).send(provider))

    fleet = [threading.Thread(target=start, args=(number,)) for number in range(FLEET)]
    for thread in fleet:
        thread.start()
    for thread in fleet:
        thread.join()
    assert sum(outcome.kind == "written" for outcome in outcomes) == writes
    assert sum(bool(request["entries"]) for request in bench.sim.requests()) == writes
    if single_flight:
        assert sum(outcome.kind == "skipped" for outcome in outcomes) == FLEET - 1


def test_rule_47_another_workspace_reads_nothing(
    make_api: MakeApi, make_bench: Callable[..., Bench], request_of: MakeJson
) -> None:
    keys = {"a": Principal("org", "wrkspc_a"), "b": Principal("org", "wrkspc_b")}
    bench = make_bench(make_api(keys=keys).sim, key="b")
    assert bench.warm(bench.call(request_of()), key="a").kind == "written"
    assert bench.read(request_of()) == 0


def test_rule_48_schemas_serialised_with_sorted_keys_are_another_prefix(
    bench: Bench, request_of: MakeJson
) -> None:
    tampered = json.loads(json.dumps(request_of(), sort_keys=True))
    bench.warm(bench.call(tampered))
    assert bench.read(request_of()) == 0


def test_rule_48_the_product_keeps_the_agents_key_order(bench: Bench, request_of: MakeJson) -> None:
    untouched = copy.deepcopy(request_of())
    call = bench.call(request_of())
    bench.warm(WarmCall.from_bytes(call.to_bytes(), "trap.warm"))
    assert bench.read(untouched) > 2000
