"""Makes the calls that were decided: one of each route first, then the others side by side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.warm.acquire import acquire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.budget import Budget
    from prefixwarm.keepwarm.isolation import Isolation
    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.route_breaker import RouteBreaker
    from prefixwarm.provider.client import Provider
    from prefixwarm.state.keepwarm_model import Reservation
    from prefixwarm.state.outcome import Outcome
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
            attempt = self.isolation.run(planned.candidate.state, lambda: self.make(planned))
        except StateError:
            self.halted.set()
            raise
        return attempt.outcome if attempt else None

    def make(self, planned: PlannedCall) -> Attempt:
        """Take the lease, reserve the dollars, send, record, and settle the dollars.

        Of many who want the same call, all but one stop at the lease.

        Raises
        ------
        StateError
            When the state fails.
        """
        attempt, reservation = self._acquired(planned), None
        if attempt.granted:
            reservation = self._reserved(planned)
            if reservation is None:
                attempt.give_up(_USED_UP)
        if attempt.granted:
            attempt.send(self.provider)
            if attempt.classification:
                route, reason = planned.candidate.call.route, attempt.outcome.reason
                self.route_breaker.note(route, attempt.classification, reason)
            attempt.record()
        self.record_outcome(planned, attempt.outcome)
        if reservation:
            self.budget.spend(reservation, attempt.outcome)
        return attempt

    def _reserved(self, planned: PlannedCall) -> Reservation | None:
        candidate = planned.candidate
        cost_usd = candidate.cost_usd(self.clock(), planned.decision.ttl)
        return self.budget.reserve(candidate.state.key, candidate.entry, cost_usd, self.deadline)

    def _acquired(self, planned: PlannedCall) -> Attempt:
        options = planned.options().replace(deployment=self.deployment)
        ends = self.deadline.earliest(CALL_SECONDS)
        call, state, watch = planned.candidate.call, planned.fresh_state, planned.watch
        return acquire(call, options, self.store, ends, self.clock, state=state, watch=watch)

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
