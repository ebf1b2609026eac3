"""Making the calls of one tick: late starts, lost state, probes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import ConnectError, StateError
from prefixwarm.keepwarm.budget import Budget
from prefixwarm.keepwarm.calls import CONCURRENCY, Sender
from prefixwarm.keepwarm.isolation import Isolation
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.policy import Decision
from prefixwarm.provider.client import Reply
from prefixwarm.state.memory import MemoryState
from prefixwarm.wire.deadline import Deadline
from tests.helpers.waiting import PATIENCE
from tests.unit.keepwarm.conftest import NOW, make_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State

USAGE = {"input_tokens": 5, "cache_read_input_tokens": 10_000, "output_tokens": 0}


class Bench:
    """A sender whose provider is a function."""

    def __init__(self, answer: Callable[[WarmCall], None], clock: Callable[[], float]) -> None:
        self.sent: list[str] = []
        self.booked: list[Outcome] = []
        self.book_error: StateError | None = None
        self.report = TickReport()
        self.store = MemoryState()
        self.route_breaker = RouteBreaker(self.store, "default", {}, clock)
        self.clock = clock
        self._answer = answer

    def send(self, call: WarmCall, max_tokens: int, deadline: Deadline) -> Reply:
        """Stands for the provider."""
        self.sent.append(call.name)
        self._answer(call)
        return Reply(usage=USAGE, message_id="msg", first_byte_after=0.1)

    def run(self, planned_calls: list[PlannedCall], seconds: float = 50.0) -> None:
        """Send the orders with so much time left."""

        def record_outcome(planned: PlannedCall, outcome: Outcome) -> None:
            self.booked.append(outcome)
            if self.book_error:
                raise self.book_error

        deadline = Deadline.after(seconds)
        sender = Sender(
            self.store,
            self,  # type: ignore[arg-type]
            self.route_breaker,
            Isolation(self.store, self.report, deadline, self.clock),
            Budget(self.store, None, "total/default", self.clock),
            record_outcome,
            "",
            deadline,
            self.clock,
        )
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            sender.send(sender.send_probe(planned_calls, pool), pool)


def planned_calls(count: int, route: str = "anthropic") -> list[PlannedCall]:
    """Refreshes that are due."""
    decision = Decision("refresh", None, 3600, "refresh 1")
    return [PlannedCall(make_case(f"{route}-{i}", route), decision) for i in range(count)]


def test_a_refresh_that_comes_to_its_turn_too_late_is_dropped() -> None:
    """Decided in time, started after the entry's end: it would be a write."""
    bench = Bench(lambda call: None, lambda: NOW + 178)
    bench.run(planned_calls(1))
    (outcome,) = bench.booked
    assert outcome.kind == "skipped"
    assert "too late" in outcome.reason
    assert not bench.sent


def test_a_refresh_that_somebody_else_made_is_not_repeated() -> None:
    """What was read at the tick's start is what must still hold."""
    bench = Bench(lambda call: None, lambda: NOW)
    (planned,) = planned_calls(1)
    bench.store.record_use(planned.candidate.state.key, NOW - 1, 3600, Deadline.after(60))
    bench.run([planned])
    assert [outcome.reason for outcome in bench.booked] == ["warm"]
    assert not bench.sent


def test_one_route_that_is_down_does_not_stop_another() -> None:
    """Each has its own probe."""

    def answer(call: WarmCall) -> None:
        if call.route == "aws":
            raise ConnectError("refused")

    bench = Bench(answer, lambda: NOW)
    bench.run([*planned_calls(20), *planned_calls(20, "aws")])
    assert len([name for name in bench.sent if name.startswith("anthropic")]) == 20
    assert len([name for name in bench.sent if name.startswith("aws")]) == 1


def test_no_call_begins_without_time_to_end_it() -> None:
    """Cut off, it would be billed for nothing that we know of."""
    bench = Bench(lambda call: None, lambda: NOW)
    bench.run(planned_calls(3), seconds=10)
    assert not bench.sent


def test_calls_of_a_route_run_side_by_side() -> None:
    """All but the probe are open at the same time."""
    together = Event()
    open_calls: list[str] = []

    def answer(call: WarmCall) -> None:
        open_calls.append(call.name)
        if len(open_calls) == 11:
            together.set()
        if len(open_calls) > 1:
            assert together.wait(PATIENCE)

    bench = Bench(answer, lambda: NOW)
    bench.run(planned_calls(11))
    assert len(bench.booked) == 11


def test_without_the_state_nothing_more_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first caller finds out, the others do not send."""
    bench = Bench(lambda call: None, lambda: NOW)

    def lost(*arguments: object) -> None:
        raise StateError("the table cannot be reached")

    monkeypatch.setattr(bench.store, "read", lost)
    with pytest.raises(StateError, match="the table cannot be reached"):
        bench.run(planned_calls(5))
    assert not bench.sent


def test_spending_that_cannot_be_written_down_is_the_last() -> None:
    """Without a ledger there is no budget."""
    bench = Bench(lambda call: None, lambda: NOW)
    bench.book_error = StateError("the table refused UpdateItem")
    with pytest.raises(StateError, match="the table refused UpdateItem"):
        bench.run(planned_calls(5))
    assert len(bench.sent) == 1


def test_a_prefix_whose_state_breaks_the_code_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are warmed; why is logged, counted, and kept in its state."""
    bench = Bench(lambda call: None, lambda: NOW)
    read = bench.store.read
    broken, *others = planned_calls(5)

    def garbage(key: str, deadline: Deadline) -> State:
        if key == broken.candidate.state.key:
            raise KeyError("S")
        return read(key, deadline)

    monkeypatch.setattr(bench.store, "read", garbage)
    bench.run([broken, *others])
    assert sorted(bench.sent) == [f"anthropic-{i}" for i in range(1, 5)]
    (failed,) = bench.report.outcomes
    assert (failed.name, failed.kind) == ("anthropic-0", "failed")
    state = read(broken.candidate.state.key, Deadline.after(60))
    assert (state.last_decision.due_at, state.last_decision.reason) == (
        NOW + 600,
        "set aside: unexpected KeyError in garbage",
    )
