"""Makes the calls that were decided: one of each route first, then the others side by side."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.model import KEEPWARM
from prefixwarm.warm.attempt import Ask, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.candidate import Case
    from prefixwarm.keepwarm.dependencies import Parts
    from prefixwarm.keepwarm.route_breaker import Pauses
    from prefixwarm.keepwarm.tick_report import Report
    from prefixwarm.policy import Decision
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.wire.deadline import Deadline

__all__ = ["CONCURRENCY", "Order", "Sender", "within_rate", "writes_per_minute"]

CONCURRENCY = 48
CALL_SECONDS = 30.0

# A call is not begun when less than this is left of the tick: cut off, it would be billed for
# nothing that we know of.
START_SECONDS = 15.0

# A refresh that starts later than this before the entry's end may reach the provider too late.
MARGIN_SECONDS = 5.0

# Written tokens count towards the provider's limit on input tokens, read ones do not.
_WRITE_SHARE = 0.1


@dataclass(frozen=True)
class Order:
    """A call to be made, and the decision that it follows from."""

    case: Case
    decision: Decision

    @property
    def urgency(self) -> tuple[bool, float]:
        """Refreshes before writes, and of those the entry that ends first."""
        return self.decision.action == "write", self.case.state.warm_until or 0.0

    @property
    def idle(self) -> int:
        """Warm calls without traffic, this one included; the first write of all begins at 0."""
        state = self.case.state
        return state.idle + 1 if state.warm_until else 0

    def ask(self) -> Ask:
        """What is asked of the warm call."""
        state = self.case.state
        ends = state.warm_until or 0.0
        refresh = self.decision.action == "refresh"
        return Ask(
            key=state.key,
            owner=f"keepwarm-{os.urandom(8).hex()}",
            # What was read: a refresh that somebody else made meanwhile is not repeated.
            needed_until=ends,
            latest_start=ends - MARGIN_SECONDS if refresh else None,
            idle=1 if state.warm_until else 0,
            ttl=self.decision.ttl,
            by=KEEPWARM,
        )


def within_rate(orders: Sequence[Order], calls_per_minute: int) -> list[Order]:
    """What each route takes in one tick, the most urgent first; the rest stays due."""
    writes = writes_per_minute(calls_per_minute)
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    taken = []
    for order in sorted(orders, key=lambda order: order.urgency):
        route, action = order.case.call.route, order.decision.action
        full = counts[route, "refresh"] + counts[route, "write"] >= calls_per_minute
        if full or (action == "write" and counts[route, "write"] >= writes):
            continue
        counts[route, action] += 1
        taken.append(order)
    return taken


def writes_per_minute(calls_per_minute: int) -> int:
    """How many of a route's calls in one tick may be writes."""
    return max(1, int(calls_per_minute * _WRITE_SHARE))


class Sender:
    """Makes the calls of one tick, or of one batch of a worker.

    Parameters
    ----------
    book
        Told of each outcome, in the thread that made the call.
    """

    def __init__(
        self,
        parts: Parts,
        pauses: Pauses,
        report: Report,
        deadline: Deadline,
        book: Callable[[Order, Outcome], None],
    ) -> None:
        self._parts = parts
        self._pauses = pauses
        self._report = report
        self._deadline = deadline
        self._book = book

    def scout(self, orders: Sequence[Order], pool: Executor) -> list[Order]:
        """Send one of each route; returns the others, as far as their routes are not paused."""
        scouts, others = _one_of_each_route(orders)
        self.send(scouts, pool)
        return [order for order in others if not self._pauses.until(order.case.call.route)]

    def send(self, orders: Sequence[Order], pool: Executor) -> None:
        """Send them; what cannot be sent now stays due."""
        list(pool.map(self.one, orders))

    def one(self, order: Order) -> Outcome | None:
        """Send one; None when nothing was even tried, so that it is worth another try."""
        if self._held(order):
            return None
        parts, case = self._parts, order.case
        until = self._deadline.earliest(CALL_SECONDS)
        try:
            ask = order.ask().replace(deployment=parts.settings.deployment)
            outcome = warm(case.call, ask, parts.store, parts.provider, until, parts.clock)
        except StateError as error:
            self._report.state_error = str(error)
            return None
        self._report.outcomes.append(outcome)
        try:
            self._book(order, outcome)
        except StateError as error:
            self._report.state_error = str(error)
        return outcome

    def _held(self, order: Order) -> bool:
        """Whether the call must wait for a later tick; why is logged once, with the pause."""
        if self._report.state_error or self._pauses.until(order.case.call.route):
            return True
        if self._deadline.remaining() < START_SECONDS:
            logger.warning("no time is left in this tick", prefix=order.case.entry.name)
            return True
        return False


def _one_of_each_route(orders: Sequence[Order]) -> tuple[list[Order], list[Order]]:
    """A scout for each route: it fetches the key, and shows whether the provider answers.

    With the provider down or the key gone, one call fails instead of hundreds.
    """
    scouts: dict[str, Order] = {}
    for order in orders:
        scouts.setdefault(order.case.call.route, order)
    chosen = {id(order) for order in scouts.values()}
    return list(scouts.values()), [order for order in orders if id(order) not in chosen]
