"""One warm call from beginning to end, against a simulated provider and real stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import StateError
from prefixwarm.life import refresh_after
from prefixwarm.provider.client import Provider, Reply
from prefixwarm.simulator import running
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import KEEPWARM, LeaseRequest
from prefixwarm.state.outcome import FAILED, PARTIAL, REFRESHED, SKIPPED, UNCACHED, WRITTEN
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.warm.acquire import acquire, without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.error_classification import PREFIX
from prefixwarm.warm.log_line import metrics
from prefixwarm.wire.deadline import Deadline
from tests.helpers.warming import warm

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.simulator import Simulator
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.wire.aws import AwsClient
    from tests.integration.conftest import Bench

    MakeBench = Callable[..., Bench]


class Answers(Provider):
    """A provider that replies with one usage, or fails."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self._answer = answer

    def send(self, *_arguments: object) -> Reply:
        """See `Provider`."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return Reply(usage=self._answer, message_id="msg", first_byte_after=0.1)


@pytest.fixture
def memory() -> MemoryState:
    """A store for tests that are not about stores."""
    return MemoryState()


def test_writes_then_skips_then_refreshes(
    bench: MakeBench, sim: Simulator, store: StateStore
) -> None:
    """On every store: the life counts from each call's start, and money adds up."""
    one = bench()
    began = sim.now()
    first = one.warm(store)
    assert (first.kind, first.calls, first.granted_ttl) == (WRITTEN, 1, 3600)
    assert (first.started_at, first.warm_until) == (began, began + 3600)
    assert first.ok
    skipped = one.warm(store, one.options("b"))
    assert (skipped.kind, skipped.reason, skipped.calls) == (SKIPPED, "warm", 0)
    assert skipped.ok
    sim.advance(3500)
    began = sim.now()
    second = one.warm(store, one.options("b", needed_until=began + 3000, idle_refreshes=1))
    assert (second.kind, second.started_at) == (REFRESHED, began)
    state = one.state(store)
    assert (state.last_call.outcome, state.traffic.idle_refreshes, state.money.calls) == (
        REFRESHED,
        1,
        2,
    )
    assert state.life.warm_until == began + 3600
    assert state.last_decision.due_at == began + refresh_after(3600)
    assert first.cost_usd is not None
    assert second.cost_usd is not None
    assert state.money.spent_usd == pytest.approx(first.cost_usd + second.cost_usd)
    billed = [float(request["cost_usd"]) for request in sim.requests()]
    assert [first.cost_usd, second.cost_usd] == pytest.approx(billed)
    assert state.life.write_ms == pytest.approx(first.seconds * 1000)
    assert state.life.read_ms == pytest.approx(second.seconds * 1000)


def test_a_prefix_whose_system_changed(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """Its tools are read, the rest is written; the two have states of their own."""
    described = {"description": "Looks things up. " * 300, "cache_control": {"type": "ephemeral"}}
    before = bench()
    before = bench(tools=[{**before.request["tools"][0], **described}])
    system = [{**before.request["system"][0], "text": "Something new. " * 300}]
    changed = bench(tools=before.request["tools"], system=system)
    assert before.warm(memory).kind == WRITTEN
    outcome = changed.warm(memory)
    assert (outcome.kind, outcome.granted_ttl) == (PARTIAL, 3600)
    assert outcome.usage is not None
    assert outcome.usage.read > 512
    assert outcome.usage.write_1h > 512
    assert before.key != changed.key


def test_nothing_cached_is_never_a_success(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """Under the minimum: the state backs off for an hour instead of believing in it."""
    one = bench(system="Too short.", tools=[])
    outcome = one.warm(memory)
    assert (outcome.kind, outcome.warm_until, outcome.ok) == (UNCACHED, None, False)
    assert "under the model's minimum" in outcome.reason
    state = one.state(memory)
    assert (state.last_call.outcome, state.life.warm_until, state.money.calls) == (
        UNCACHED,
        None,
        1,
    )
    assert state.backoff.until == pytest.approx(sim.now() + 3600)
    again = one.warm(memory)
    assert (again.kind, again.ok) == (SKIPPED, False)
    assert again.reason.startswith("backing off after 1 failed calls: nothing was cached")
    assert len(sim.requests()) == 1


def test_a_downgrade_is_noticed(bench: MakeBench, sim: Simulator, memory: MemoryState) -> None:
    """One hour asked, five minutes granted: the state believes the grant, and remembers it."""
    sim.switch(downgrade_1h=True)
    one = bench()
    began = sim.now()
    outcome = one.warm(memory)
    assert (outcome.kind, outcome.downgraded, outcome.granted_ttl) == (WRITTEN, True, 300)
    assert outcome.reason == "downgraded: asked for a TTL of 3600 s, granted 300 s"
    assert one.state(memory).life.warm_until == began + 300
    assert one.state(memory).life.longest_ttl == 300
    sim.advance(200)
    began = sim.now()
    read = one.warm(memory, one.options(needed_until=began + 200))
    assert (read.kind, read.granted_ttl, read.warm_until) == (REFRESHED, 300, began + 300)


@pytest.mark.parametrize("legacy", ["null", "missing"])
def test_older_usage(bench: MakeBench, sim: Simulator, memory: MemoryState, legacy: str) -> None:
    """Writes that are not split by TTL count as five-minute ones: the careful reading."""
    sim.switch(legacy_usage=legacy)
    outcome = bench().warm(memory)
    assert (outcome.kind, outcome.granted_ttl, outcome.downgraded) == (WRITTEN, 300, True)


def test_a_refusal_of_zero_is_remembered(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """Once more with 1, in the same call; from then on 1 at once."""
    sim.switch(refuse_zero=True)
    one = bench()
    outcome = one.warm(memory)
    assert (outcome.kind, outcome.max_tokens, outcome.calls) == (WRITTEN, 1, 1)
    assert outcome.usage is not None
    assert outcome.usage.output == 1
    assert one.state(memory).life.max_tokens == 1
    sim.advance(3400)
    assert one.warm(memory, one.options(needed_until=sim.now() + 1000)).kind == REFRESHED
    asked = [request["body"]["max_tokens"] for request in sim.requests()]
    assert asked == [0, 1, 1]


def test_another_400_stays_a_failure(bench: MakeBench, sim: Simulator, memory: MemoryState) -> None:
    """An attempt for each thing that it may be about, one failure, and nothing billed."""
    sim.inject(kind="error", status=400)
    one = bench()
    outcome = one.warm(memory)
    assert (outcome.kind, outcome.reason) == (FAILED, "HTTP 400 invalid_request_error")
    assert (outcome.cost_usd, outcome.ok) == (0.0, False)
    assert len(sim.requests()) == 3
    state = one.state(memory)
    assert (state.money.unpriced, state.money.spent_usd, state.life.max_tokens) == (0, 0.0, 0)
    assert state.life.longest_ttl is None


def test_a_400_about_the_account_is_not_tried_again(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """A spend limit says so; no other request would fare better."""
    sim.inject(kind="error", status=400, error_code="enforced_spend_limit_reached")
    one = bench()
    assert one.warm(memory).kind == FAILED
    assert len(sim.requests()) == 1
    assert one.state(memory).backoff.until == pytest.approx(sim.now() + 3600)


def asked(sim: Simulator) -> list[tuple[int, str]]:
    """`max_tokens` and TTL of each request that the provider received."""
    bodies = [request["body"] for request in sim.requests()]
    return [(b["max_tokens"], b["system"][0]["cache_control"]["ttl"]) for b in bodies]


def test_a_refusal_of_the_hour_is_remembered(
    bench: MakeBench, sim: Simulator, store: StateStore
) -> None:
    """Once with five minutes, in the same call, and said; from then on five minutes at once."""
    sim.inject(kind="error", status=400, match={"contains": '"1h"'})
    one = bench()
    outcome = one.warm(store)
    assert (outcome.kind, outcome.downgraded, outcome.granted_ttl) == (WRITTEN, True, 300)
    assert outcome.reason.startswith("TTL refused: 3600 s were answered with HTTP 400, 300 s are")
    state = one.state(store)
    assert (state.life.longest_ttl, state.life.granted_ttl, state.life.max_tokens) == (300, 300, 0)
    sim.advance(400)
    again = one.warm(store)
    assert (again.kind, again.downgraded, again.reason) == (WRITTEN, False, "")
    assert asked(sim) == [(0, "1h"), (1, "1h"), (1, "5m"), (0, "5m")]


def test_a_400_that_passes_does_not_end_the_hour(
    bench: MakeBench, sim: Simulator, store: StateStore
) -> None:
    """Where an hour was granted before, it is asked for again."""
    one = bench()
    one.warm(store)
    sim.advance(3700)
    sim.inject(kind="error", status=400, count=2)
    outcome = one.warm(store)
    assert (outcome.kind, outcome.downgraded, outcome.granted_ttl) == (WRITTEN, False, 300)
    assert outcome.reason.endswith("HTTP 400, though they were granted before")
    sim.advance(400)
    assert one.warm(store).granted_ttl == 3600
    assert asked(sim) == [(0, "1h"), (0, "1h"), (1, "1h"), (1, "5m"), (0, "1h")]


def test_where_zero_and_the_hour_are_refused(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """The first call settles the TTL, the second one the tokens, the third knows both."""
    sim.switch(refuse_zero=True)
    sim.inject(kind="error", status=400, match={"contains": '"1h"'})
    one = bench()
    for _ in range(3):
        assert one.warm(memory).kind == WRITTEN
        sim.advance(400)
    state = one.state(memory)
    assert (state.life.longest_ttl, state.life.max_tokens) == (300, 1)
    assert asked(sim)[2:] == [(1, "5m"), (0, "5m"), (1, "5m"), (1, "5m")]


def test_writes_ask_for_the_ttl_that_the_state_wants(
    bench: MakeBench, sim: Simulator, store: StateStore
) -> None:
    """Of the caller, else of the state, else of the file; and never less than the entry has."""
    one = bench()
    check = Check(at=sim.now(), due_at=sim.now(), reason="rare", wanted_ttl=300)
    store.record_check(one.key, check, one.state_until)
    outcome = one.warm(store)
    assert (outcome.kind, outcome.granted_ttl, outcome.downgraded) == (WRITTEN, 300, False)
    sim.advance(301)
    assert one.warm(store, one.options(ttl=3600)).granted_ttl == 3600
    sim.advance(3000)
    read = one.warm(store, one.options(ttl=300, needed_until=sim.now() + 3000))
    assert (read.kind, read.granted_ttl) == (REFRESHED, 3600)
    assert asked(sim) == [(0, "5m"), (0, "1h"), (0, "1h")]


@pytest.mark.parametrize(
    ("fault", "shared"),
    [
        ({"status": 401}, False),
        ({"status": 403}, False),
        ({"status": 402}, True),
        ({"status": 429}, True),
        ({"status": 529}, True),
        ({"kind": "reset"}, True),
    ],
)
def test_whose_failure_it_is(
    bench: MakeBench, sim: Simulator, store: StateStore, fault: dict[str, Any], shared: bool
) -> None:
    """A refused key is the caller's own; the provider's troubles are everybody's."""
    sim.inject(**{"kind": "error", "count": 1, **fault})
    one = bench()
    assert one.warm(store, one.options("k", by=KEEPWARM)).kind == FAILED
    again = one.warm(store, one.options("k2", by=KEEPWARM))
    assert (again.kind, again.ok) == (SKIPPED, False)
    other = one.warm(store, one.options("e", function="agent"))
    assert other.kind == (SKIPPED if shared else WRITTEN)


def test_a_network_of_its_own_holds_back_nobody_else(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """Nothing was sent: the others may reach the provider."""
    one = bench()
    url = one.environ["ANTHROPIC_BASE_URL"]
    one.environ["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1"
    assert one.warm(memory, one.options("k", by=KEEPWARM)).own_fault
    one.environ["ANTHROPIC_BASE_URL"] = url
    assert one.warm(memory, one.options("k2", by=KEEPWARM)).kind == SKIPPED
    assert one.warm(memory, one.options("e", function="agent")).kind == WRITTEN


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        ({"status": 500}, (30, 60, 120)),
        ({"status": 529}, (30, 60, 120)),
        ({"status": 429}, (30, 60, 120)),
        ({"status": 429, "retry_after": 45}, (45, 60, 120)),
        ({"status": 429, "retry_after": 10**7}, (86400, 86400, 86400)),
        ({"status": 429, "error_code": "enforced_spend_limit_reached"}, (3600, 3600, 3600)),
        ({"status": 403}, (600, 600, 600)),
        ({"status": 401}, (600, 600, 600)),
    ],
)
def test_failures_back_off(
    bench: MakeBench,
    sim: Simulator,
    memory: MemoryState,
    fault: dict[str, Any],
    pauses: tuple[float, ...],
) -> None:
    """Growing, or as the provider asks; every caller keeps away until then."""
    sim.inject(kind="error", **fault)
    one = bench()
    for turn, pause in enumerate(pauses, 1):
        outcome = one.warm(memory, one.options(f"owner-{turn}"))
        assert (outcome.kind, outcome.cost_usd, outcome.backoff_seconds) == (FAILED, 0.0, pause)
        assert metrics(outcome)["WarmStopped"][0] == (pause >= 3600)
        state = one.state(memory)
        assert state.backoff.until == pytest.approx(sim.now() + pause)
        assert (state.backoff.failures, state.lease.owner) == (turn, "")
        assert f"after {turn} failed calls" in one.warm(memory, one.options("other")).reason
        sim.advance(pause)
    sim.heal()
    assert one.warm(memory).kind == WRITTEN
    assert (one.state(memory).backoff.failures, one.state(memory).backoff.until) == (0, None)
    assert len(sim.requests()) == len(pauses) + 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "slow", "seconds": 30}, "no complete reply in time"),
        ({"kind": "reset"}, "reset|closed"),
        ({"kind": "lost"}, "reset|closed"),
        ({"kind": "malformed"}, "without a JSON object"),
    ],
)
def test_a_reply_that_is_lost_may_have_been_billed(
    bench: MakeBench, sim: Simulator, memory: MemoryState, fault: dict[str, Any], reason: str
) -> None:
    """Its price is unknown, not zero."""
    sim.inject(**fault)
    one = bench()
    outcome = one.warm(memory, seconds=1)
    assert (outcome.kind, outcome.calls, outcome.cost_usd) == (FAILED, 1, None)
    assert any(words in outcome.reason for words in reason.split("|"))
    state = one.state(memory)
    assert (state.money.calls, state.money.unpriced, state.money.spent_usd, state.lease.owner) == (
        1,
        1,
        0.0,
        "",
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1", "Connection refused"),
        ("ANTHROPIC_BASE_URL", "nonsense", "is not a URL"),
        ("ANTHROPIC_API_KEY", "", "no API key: set ANTHROPIC_API_KEY or PREFIXWARM_API_KEY_SECRET"),
    ],
)
def test_a_call_that_was_not_sent_costs_nothing(
    bench: MakeBench, memory: MemoryState, name: str, value: str, reason: str
) -> None:
    """No call, no dollars, and the lease is given back."""
    one = bench()
    one.environ[name] = value
    outcome = one.warm(memory)
    assert (outcome.kind, outcome.calls, outcome.cost_usd) == (FAILED, 0, 0.0)
    assert reason in outcome.reason
    state = one.state(memory)
    assert (state.money.calls, state.money.unpriced, state.lease.owner) == (0, 0, "")
    assert state.backoff.until is not None


def test_prices_that_are_unknown_stay_unknown(bench: MakeBench, memory: MemoryState) -> None:
    """The call is counted, its dollars are not guessed."""
    one = bench()
    one.call = one.call.replace(usd_per_mtok={})
    assert one.warm(memory).cost_usd is None
    assert (one.state(memory).money.unpriced, one.state(memory).money.spent_usd) == (1, 0.0)


def test_fifty_at_once_make_one_write(bench: MakeBench, sim: Simulator, store: StateStore) -> None:
    """On every store: one call, and everybody else waits for it and finds it warm."""
    one = bench()
    barrier = Barrier(50)
    until = Deadline.after(60)

    def start(number: int) -> tuple[str, str]:
        options = one.options(f"env-{number}")
        barrier.wait()
        outcome = one.warm(store, options, wait=until)
        return outcome.kind, outcome.reason

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(start, range(50)))
    assert outcomes.count((WRITTEN, "")) == 1
    others = {pair for pair in outcomes if pair[0] != WRITTEN}
    assert others <= {(SKIPPED, "warm: written by another environment"), (SKIPPED, "warm")}
    assert len(sim.requests()) == 1
    assert one.state(store).money.calls == 1


def test_who_does_not_wait_is_told_that_it_is_in_flight(
    bench: MakeBench, sim: Simulator, memory: MemoryState, soon: Deadline
) -> None:
    """Neither warm nor failed; and so is one whose wait is over."""
    one = bench()
    now = sim.now()
    other = LeaseRequest(name="support", owner="other", now=now, seconds=30, needed_until=now)
    memory.take_lease(one.key, other, soon)
    for wait in (None, Deadline.after(-1), Deadline.after(0.01)):
        outcome = one.warm(memory, wait=wait)
        assert (outcome.kind, outcome.reason, outcome.ok) == (SKIPPED, "in flight", False)
    assert sim.requests() == []


def test_a_dead_holders_lease_passes_on(
    bench: MakeBench, sim: Simulator, memory: MemoryState, soon: Deadline
) -> None:
    """A waiting one takes over when it has run out."""
    one = bench()
    now = sim.now()
    dead = LeaseRequest(name="support", owner="dead", now=now, seconds=30, needed_until=now)
    memory.take_lease(one.key, dead, soon)
    waiting = acquire(one.call, one.options(), memory, soon, sim.now)
    assert (waiting.granted, waiting.in_flight) == (False, True)
    sim.advance(31)
    assert one.warm(memory).kind == WRITTEN
    assert one.state(memory).lease.token == 2


def test_a_waiting_one_stops_when_the_holder_fails(
    bench: MakeBench, sim: Simulator, memory: MemoryState, soon: Deadline
) -> None:
    """It respects the back-off instead of trying the same."""
    sim.inject(kind="error", status=529)
    one = bench()
    holder = acquire(one.call, one.options("holder"), memory, soon, sim.now)
    assert holder.granted
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.warm, memory, one.options("waiting"), 60, soon)
        holder.send(one.provider())
        holder.record()
        assert (holder.outcome.kind, waiting.result().kind) == (FAILED, SKIPPED)
    assert len(sim.requests()) == 1


def test_a_refresh_that_comes_too_late_is_dropped(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """It would be a write."""
    one = bench()
    options = one.options(latest_start=sim.now() - 1)
    outcome = one.warm(memory, options)
    assert outcome.kind == SKIPPED
    assert outcome.reason.startswith("too late")
    assert sim.requests() == []


def test_a_caller_may_object(bench: MakeBench, sim: Simulator, memory: MemoryState) -> None:
    """To a cold entry, with its reason; never to a warm one."""
    one = bench()
    objecting = one.options(objection="holding would not pay")
    outcome = one.warm(memory, objecting)
    assert (outcome.kind, outcome.reason) == (SKIPPED, "holding would not pay")
    assert sim.requests() == []
    assert one.warm(memory).kind == WRITTEN
    assert one.warm(memory, objecting).reason == "warm"


def test_without_the_state_nothing_is_sent(
    bench: MakeBench, sim: Simulator, signed: AwsClient
) -> None:
    """The caller decides what that means."""
    one = bench()
    missing = StateStore("nowhere", signed_calls(signed))
    with pytest.raises(StateError, match="the table refused GetItem"):
        one.warm(missing)
    assert sim.requests() == []


def test_a_result_that_cannot_be_recorded_is_still_told(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """The call was made: its outcome stands, and says what is missing."""

    class Forgetful(MemoryState):
        def record(self, *_args: Any) -> None:
            raise StateError("the table cannot be reached")

    outcome = bench().warm(Forgetful())
    assert outcome.kind == WRITTEN
    assert outcome.reason == "(not recorded: the table cannot be reached)"


def test_can_be_sent_unasked(bench: MakeBench, sim: Simulator) -> None:
    """Without any state; a failure is an outcome too."""
    one = bench()
    attempt = without_lease(one.call, Deadline.after(60), sim.now)
    assert attempt.granted
    assert attempt.send(one.provider()).kind == WRITTEN
    assert attempt.record() is attempt.outcome
    sim.inject(kind="error", status=429, error_code="enforced_spend_limit_reached")
    failed = without_lease(one.call, Deadline.after(60), sim.now).send(one.provider())
    assert failed.kind == FAILED
    # Nothing keeps the next start from sending.
    assert failed.backoff_seconds == metrics(failed)["WarmStopped"][0] == 0


def test_what_was_sent_unasked_is_recorded(
    bench: MakeBench, sim: Simulator, store: StateStore, soon: Deadline
) -> None:
    """On every store: its life and its money; somebody else's lease and back-off stay."""
    one = bench()
    now = sim.now()
    other = LeaseRequest(name="support", owner="other", now=now, seconds=30, needed_until=now)
    store.take_lease(one.key, other, soon)

    def sent() -> Outcome:
        attempt = without_lease(one.call, soon, sim.now, options=one.options("always"), store=store)
        attempt.send(one.provider())
        return attempt.record()

    outcome = sent()
    state = one.state(store)
    assert (outcome.kind, state.life.warm_until) == (WRITTEN, now + 3600)
    assert (state.lease.owner, state.lease.token, state.money.calls) == ("other", 1, 1)
    assert state.money.spent_usd == pytest.approx(outcome.cost_usd)
    sim.inject(kind="malformed", count=1)
    assert sent().kind == FAILED
    state = one.state(store)
    assert (state.money.calls, state.money.unpriced, state.backoff.failures) == (2, 1, 0)
    assert (state.lease.owner, state.backoff.until) == ("other", None)


def test_two_functions_share_one_state(
    bench: MakeBench, sim: Simulator, memory: MemoryState
) -> None:
    """The same prefix under the same scope: the second finds it warm."""
    one, two = bench(), bench()
    assert one.warm(memory, one.options(function="first", deployment="prod")).kind == WRITTEN
    assert two.warm(memory, two.options(function="second")).kind == SKIPPED
    state = one.state(memory)
    assert (state.deployment.functions, state.deployment.name, state.name) == (
        ("first",),
        "prod",
        "support",
    )


def test_real_time(bench: MakeBench, memory: MemoryState) -> None:
    """With the clocks of the machine: what the sandbox of a function does."""
    with running(latency={"base": 0.05}) as sim:
        one = bench(at=sim)
        until = Deadline.after(60)
        options = CallOptions(key=one.key, owner="a", needed_until=time() + 60)
        outcome = warm(one.call, options, memory, one.provider(), until)
        assert outcome.kind == WRITTEN
        assert outcome.warm_until == pytest.approx(outcome.started_at + 3600)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cache_creation_input_tokens", 10**400),
        ("cache_read_input_tokens", 10**300),
        ("input_tokens", -1),
        ("output_tokens", True),
        ("cache_creation", {"ephemeral_1h_input_tokens": 1.5}),
        ("cache_creation", [1]),
        ("cacheReadInputTokens", "many"),
        ("cacheDetails", [{"inputTokens": 10**400}]),
        ("cacheDetails", ["x"]),
    ],
)
def test_an_absurd_usage_stops_the_prefix(
    bench: MakeBench, sim: Simulator, store: StateStore, field: str, value: object
) -> None:
    """On every store: what it cost is unknown, which is said; nothing is sent for a day."""
    one = bench()
    attempt = acquire(one.call, one.options(), store, one.state_until, sim.now)
    outcome = attempt.send(Answers({"input_tokens": 5, field: value}))
    attempt.record()
    assert (outcome.kind, outcome.calls, outcome.cost_usd) == (FAILED, 1, None)
    assert field in outcome.reason
    assert attempt.classification is not None
    assert attempt.classification.scope == PREFIX
    state = one.state(store)
    assert (state.money.unpriced, state.money.spent_usd) == (1, 0.0)
    assert state.backoff.until == pytest.approx(sim.now() + 86400)


@pytest.mark.parametrize(
    "error",
    [
        *(OverflowError("secret"), KeyError("secret"), RecursionError("secret")),
        *(UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"), MemoryError("secret")),
        *(AssertionError("secret"), StopIteration("secret"), Exception("secret")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_is_a_failed_outcome(
    bench: MakeBench, sim: Simulator, memory: MemoryState, error: Exception
) -> None:
    """With the type's name and not its text; recorded, with its back-off."""
    one = bench()
    attempt = acquire(one.call, one.options(), memory, one.state_until, sim.now)
    attempt.send(Answers(error))
    outcome = attempt.record()
    assert (outcome.kind, outcome.cost_usd) == (FAILED, None)
    assert outcome.reason == f"unexpected {type(error).__name__} in send"
    state = one.state(memory)
    assert (state.lease.owner, state.backoff.failures, state.money.unpriced) == ("", 1, 1)
    assert state.backoff.until == pytest.approx(sim.now() + 30)


def test_a_store_that_breaks_in_any_way_leaves_the_outcome(bench: MakeBench) -> None:
    """The call was made."""

    class Broken(MemoryState):
        def record(self, *_args: Any) -> None:
            raise KeyError("secret")

    outcome = bench().warm(Broken())
    assert (outcome.kind, outcome.reason) == (
        WRITTEN,
        "(not recorded: unexpected KeyError in record)",
    )
