"""Makes the calls that were decided: one of each route first, then the others side by side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.outcome import SKIPPED, Outcome
from prefixwarm.warm.acquire import acquire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.budget import Budget
    from prefixwarm.keepwarm.isolation import Isolation
    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.route_breaker import RouteBreaker
    from prefixwarm.provider.client import Provider
    from prefixwarm.state.model import Reservation
    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.attempt import Attempt
    from prefixwarm.wire.deadline import Deadline


CONCURRENCY = 48
CALL_SECONDS = 30.0

# A call is not begun when less than this is left of the tick: cut off, it would be billed for
# nothing that we know of.
START_SECONDS = 15.0

_USED_UP = "the budget is used up"

# Written tokens count towards the provider's limit on input tokens, read ones do not.
_WRITE_SHARE = 0.1


def within_rate(planned_calls: Sequence[PlannedCall], calls_per_minute: int) -> list[PlannedCall]:
    """What each route takes in one tick, the most urgent first; the rest stays due."""
    writes = writes_per_minute(calls_per_minute)
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    taken = []
    for planned in sorted(planned_calls, key=lambda planned: planned.urgency):
        route, action = planned.candidate.call.route, planned.decision.action
        full = counts[route, "refresh"] + counts[route, "write"] >= calls_per_minute
        if full or (action == "write" and counts[route, "write"] >= writes):
            continue
        counts[route, action] += 1
        taken.append(planned)
    return taken


def writes_per_minute(calls_per_minute: int) -> int:
    """How many of a route's calls in one tick may be writes."""
    return max(1, int(calls_per_minute * _WRITE_SHARE))


@dataclass(frozen=True)
class Sender:
    """Makes the calls of one tick, or of one batch of a worker; safe between threads.

    Attributes
    ----------
    record_outcome : callable
        Given each outcome, in the thread that made the call.
    halted : Event
        Set when the state fails: nothing more is sent then.
    """

    store: StateStore
    provider: Provider
    route_breaker: RouteBreaker
    isolation: Isolation
    budget: Budget
    record_outcome: Callable[[PlannedCall, Outcome], None]
    deployment: str
    deadline: Deadline
    clock: Callable[[], float]
    halted: Event = field(default_factory=Event)

    def send_probe(self, planned_calls: Sequence[PlannedCall], pool: Executor) -> list[PlannedCall]:
        """Send one of each route; returns the others, as far as their routes are not paused."""
        probes, others = _one_of_each_route(planned_calls)
        self.send(probes, pool)
        return [
            planned
            for planned in others
            if not self.route_breaker.pause(planned.candidate.call.route)
        ]

    def send(self, planned_calls: Sequence[PlannedCall], pool: Executor) -> None:
        """Send them; what cannot be sent now stays due.

        Raises
        ------
        StateError
            When the state failed: calls in flight are ended, and no other is begun.
        """
        list(pool.map(self.one, planned_calls))

    def one(self, planned: PlannedCall) -> Outcome | None:
        """Send one; None when nothing was even tried, so that it is worth another try.

        Raises
        ------
        StateError
            When the state fails.
        """
        if self._held(planned):
            return None
        try:
            return self.isolation.run(planned.candidate.state, lambda: self._made(planned))
        except StateError:
            self.halted.set()
            raise

    def _made(self, planned: PlannedCall) -> Outcome:
        """Reserve the dollars, take the lease, send, record, and settle the dollars."""
        candidate, call, now = planned.candidate, planned.candidate.call, self.clock()
        cost_usd = candidate.cost_usd(now, planned.decision.ttl)
        key = candidate.state.key
        reservation = self.budget.reserve(key, candidate.entry, cost_usd, self.deadline)
        if reservation is None:
            outcome = Outcome(name=call.name, kind=SKIPPED, reason=_USED_UP, started_at=now)
            self.record_outcome(planned, outcome)
            return outcome
        attempt = self._acquired(planned, reservation)
        if not attempt.granted:
            self.record_outcome(planned, attempt.outcome)
            self.budget.release(reservation)
            return attempt.outcome
        attempt.send(self.provider)
        if attempt.classification:
            self.route_breaker.note(call.route, attempt.classification, attempt.outcome.reason)
        outcome = attempt.record()
        self.record_outcome(planned, outcome)
        self.budget.spend(reservation, outcome)
        return outcome

    def _acquired(self, planned: PlannedCall, reservation: Reservation) -> Attempt:
        options, ends = planned.options(), self.deadline.earliest(CALL_SECONDS)
        options = options.replace(deployment=self.deployment)
        try:
            return acquire(planned.candidate.call, options, self.store, ends, self.clock)
        except Exception:
            self.budget.release(reservation)
            raise

    def _held(self, planned: PlannedCall) -> bool:
        """Whether the call must wait for a later tick; why is logged once, with the pause."""
        if self.halted.is_set() or self.route_breaker.pause(planned.candidate.call.route):
            return True
        if self.deadline.remaining() < START_SECONDS:
            logger.warning("no time is left in this tick", prefix=planned.candidate.entry.name)
            return True
        return False


def _one_of_each_route(
    planned_calls: Sequence[PlannedCall],
) -> tuple[list[PlannedCall], list[PlannedCall]]:
    """A probe for each route: it fetches the key, and shows whether the provider answers.

    With the provider down or the key gone, one call fails instead of hundreds.
    """
    probes: dict[str, PlannedCall] = {}
    for planned in planned_calls:
        probes.setdefault(planned.candidate.call.route, planned)
    chosen = {id(planned) for planned in probes.values()}
    return list(probes.values()), [
        planned for planned in planned_calls if id(planned) not in chosen
    ]
