"""Pauses, breaker and rate, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import ProviderError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.calls import within_rate
from prefixwarm.keepwarm.fan_out import Message
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.keepwarm.route_breaker import RouteBreaker, route_key
from prefixwarm.policy import Decision
from prefixwarm.state.keepwarm_model import RoutePause
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.outcome import Outcome
from prefixwarm.state.warm_state import State
from prefixwarm.warm.error_classification import classify
from prefixwarm.wire.deadline import Deadline
from tests.helpers.states import changed
from tests.unit.keepwarm.conftest import NOW, make_case

if TYPE_CHECKING:
    from prefixwarm.keepwarm.candidate import Candidate


def test_keys_in_the_environment_are_not_shown() -> None:
    """Tools that show the variables of a traceback call `repr`."""
    breaker = RouteBreaker(MemoryState(), "team", {"ANTHROPIC_API_KEY": "secret"}, lambda: NOW)
    assert "secret" not in repr(breaker)


def test_a_pause_outlives_its_tick() -> None:
    """The next one reads it from the table."""
    store, deadline = MemoryState(), Deadline.after(60)
    first = RouteBreaker(store, "team", {}, lambda: NOW)
    for error in (
        ProviderError(429, "rate_limit_error", retry_after=90),
        ProviderError(529, "overloaded_error"),
    ):
        first.note("anthropic", classify(error), str(error))
    first.keep(deadline)
    second = RouteBreaker(store, "team", {}, lambda: NOW + 60)
    second.load({"anthropic", "aws"} - {"aws"}, deadline)
    assert second.pause("anthropic") == RoutePause(
        until=NOW + 90, reason="HTTP 429 rate_limit_error"
    )
    third = RouteBreaker(store, "team", {}, lambda: NOW + 91)
    third.load({"anthropic"}, deadline)
    assert third.pause("anthropic") is None
    assert store.read(route_key("anthropic", "", "team"), deadline).last_decision.reason.startswith(
        "HTTP 429"
    )


def test_only_a_read_ends_a_row_of_rewrites() -> None:
    """A failure says nothing about the cache."""
    state = State.of("k", rewrites=1)
    assert rewrite_breaker.count(state, "refresh", Outcome(name="a", kind="written")) == 2
    assert rewrite_breaker.count(state, "refresh", Outcome(name="a", kind="partial")) == 2
    assert rewrite_breaker.count(state, "write", Outcome(name="a", kind="written")) == 1
    assert rewrite_breaker.count(state, "refresh", Outcome(name="a", kind="failed")) == 1
    assert rewrite_breaker.count(state, "write", Outcome(name="a", kind="refreshed")) == 0


def test_the_likely_cause_is_named() -> None:
    """From what the reply shows."""
    downgraded = Outcome(name="a", kind="written", downgraded=True, reason="granted 300 s")
    assert rewrite_breaker.cause(downgraded) == "downgrade: granted 300 s"
    assert rewrite_breaker.cause(Outcome(name="a", kind="partial")).startswith("drift")
    assert "workspace" in rewrite_breaker.cause(Outcome(name="a", kind="written"))


def planned(candidate: Candidate, action: str) -> PlannedCall:
    """An order to do this."""
    return PlannedCall(candidate, Decision(action, NOW, 3600, "because"))  # type: ignore[arg-type]


def test_refreshes_come_before_writes_and_the_most_urgent_first() -> None:
    """A write can wait for the next tick, a lapsing entry cannot."""
    early = planned(make_case("early", warm_until=NOW + 60), "refresh")
    late = planned(make_case("late", warm_until=NOW + 200), "refresh")
    new = planned(make_case("new", warm_until=None), "write")
    assert within_rate([new, late, early], 500) == [early, late, new]


def test_a_route_takes_so_many_calls_and_fewer_writes() -> None:
    """Each route by itself; written tokens count towards the provider's limit."""
    refreshes = [planned(make_case(f"a{i}"), "refresh") for i in range(30)]
    writes = [planned(make_case(f"b{i}"), "write") for i in range(30)]
    others = [planned(make_case(f"c{i}", "aws"), "refresh") for i in range(30)]
    taken = within_rate([*writes, *refreshes, *others], 20)
    assert [o.candidate.call.route for o in taken].count("anthropic") == 20
    assert [o.candidate.call.route for o in taken].count("aws") == 20
    assert len(within_rate(writes, 20)) == 2
    assert len(within_rate(writes, 1)) == 1


def test_a_refresh_is_dropped_that_would_start_too_late(candidate: Candidate) -> None:
    """Its entry's end is the latest start, less a margin; a write has none."""
    options = planned(candidate, "refresh").options()
    assert options.needed_until == candidate.state.life.warm_until
    assert options.latest_start == (candidate.state.life.warm_until or 0) - 5
    assert planned(candidate, "write").options().latest_start is None


@pytest.mark.parametrize(
    ("left", "useful", "due"),
    [
        (3600.0, 90.0, 95.0),
        (180.0, 90.0, 95.0),
        (120.0, 90.0, 55.0),
        (90.0, 85.0, 25.0),
        (80.0, 75.0, 80.0),
    ],
)
def test_a_prefix_is_due_again_with_time_for_one_more_tick(
    left: float, useful: float, due: float
) -> None:
    """Where there is enough of it: what is lost is then made good while the entry lives."""
    message = Message.of(planned(make_case(warm_until=NOW + left), "refresh"), NOW)
    assert (message.latest_start - NOW, message.due_at - NOW) == (useful, due)
    new = Message.of(planned(make_case(warm_until=None), "write"), NOW)
    assert (new.latest_start - NOW, new.due_at - NOW) == (90.0, 95.0)


def test_the_breaker_remembers_the_likely_cause() -> None:
    """In the state's own words, until somebody else's replace them."""
    why = rewrite_breaker.sentence(2, Outcome(name="a", kind="partial"))
    assert "likely cause: drift" in why
    tripped = State.of("k", rewrites=2, tripped_until=NOW + 9, reason=why)
    assert rewrite_breaker.refusal(tripped, NOW) == why
    assert rewrite_breaker.refusal(
        changed(tripped, reason="warm"), NOW
    ) == rewrite_breaker.sentence(2)
    assert rewrite_breaker.refusal(tripped, NOW + 10) == ""


def test_idle_counts_warm_calls_without_traffic() -> None:
    """The first write of all is not one."""
    assert planned(make_case(idle=3), "refresh").idle_refreshes == 4
    assert planned(make_case(warm_until=None), "write").idle_refreshes == 0
