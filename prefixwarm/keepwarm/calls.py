"""Makes planned calls: first a probe per route, then the others concurrently."""

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

# A call is not started with less time left in the tick: if cut off, it would be billed without a
# known result.
START_SECONDS = 15.0

_USED_UP = "the budget is used up"

# Written tokens count towards the provider's input token limit; read tokens do not.
_WRITE_SHARE = 0.1


def within_rate(planned_calls: Sequence[PlannedCall], calls_per_minute: int) -> list[PlannedCall]:
    """The calls that fit into each route's rate limit, most urgent first; the rest stays due."""
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
    """The most writes among a route's calls in one tick."""
    return max(1, int(calls_per_minute * _WRITE_SHARE))


@dataclass(frozen=True)
class Sender:
    """Makes the calls of one tick, or of one worker batch; thread-safe.

    Attributes
    ----------
    record_outcome : callable
        Receives each outcome, in the thread that made the call.
    halted : Event
        Set when the state fails; nothing more is sent.
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
        """Send one call per route; return the others whose routes are not paused."""
        probes, others = _one_of_each_route(planned_calls)
        self.send(probes, pool)
        return [
            planned
            for planned in others
            if not self.route_breaker.pause(planned.candidate.call.route)
        ]

    def send(self, planned_calls: Sequence[PlannedCall], pool: Executor) -> None:
        """Send calls; those that cannot be sent now stay due.

        Raises
        ------
        StateError
            The state failed: calls in flight are finished, and no others are started.
        """
        list(pool.map(self.one, planned_calls))

    def one(self, planned: PlannedCall) -> Outcome | None:
        """Send one call; None if it was not attempted and should be tried again.

        Raises
        ------
        StateError
            The state fails.
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
        """Take the lease, reserve dollars, send, record, and settle the dollars.

        If many want the same call, all but one stop at the lease.

        Raises
        ------
        StateError
            The state fails.
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
        call, watch = planned.candidate.call, planned.watch
        state = planned.candidate.state if planned.fresh else None
        return acquire(call, options, self.store, ends, self.clock, state=state, watch=watch)

    def _held(self, planned: PlannedCall) -> bool:
        """Whether the call must wait for a later tick; the reason is logged once, with the
        pause."""
        if self.halted.is_set() or self.route_breaker.pause(planned.candidate.call.route):
            return True
        if self.deadline.remaining() < START_SECONDS:
            logger.warning("no time is left in this tick", prefix=planned.candidate.entry.name)
            return True
        return False


def _one_of_each_route(
    planned_calls: Sequence[PlannedCall],
) -> tuple[list[PlannedCall], list[PlannedCall]]:
    """Split off one probe per route, which fetches the key and tests the provider.

    If the provider is down or the key is missing, one call fails instead of hundreds.
    """
    probes: dict[str, PlannedCall] = {}
    for planned in planned_calls:
        probes.setdefault(planned.candidate.call.route, planned)
    chosen = {id(planned) for planned in probes.values()}
    return list(probes.values()), [
        planned for planned in planned_calls if id(planned) not in chosen
    ]
