"""What a worker makes of one batch of messages."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.budget import Budget, day_of, total_key
from prefixwarm.keepwarm.calls import Order, Sender
from prefixwarm.keepwarm.fan_out import Message
from prefixwarm.keepwarm.ledger_writer import BOOK_SECONDS, Books
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.route_breaker import Pauses
from prefixwarm.keepwarm.selection import Look
from prefixwarm.keepwarm.tick_report import Report
from prefixwarm.policy import Decision
from prefixwarm.state.model import Check
from prefixwarm.state.outcome import FAILED
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.candidate import Case
    from prefixwarm.keepwarm.catalog import Fleet
    from prefixwarm.keepwarm.dependencies import Parts

__all__ = ["Batch"]


class Batch:
    """One batch; safe between threads.

    The decision was the tick's. What may have changed since is asked again: whether it is too
    late, done already, removed, held back, paused, or no longer affordable. Then the message is
    dropped; its prefix comes due again by itself.

    Attributes
    ----------
    report : Report
        What was done.
    """

    def __init__(self, parts: Parts, fleet: Fleet, pool: Executor, deadline: Deadline) -> None:
        fleet.learn_keys()
        total, today = total_key(parts.settings.deployment), day_of(parts.clock())
        self.report = Report()
        self._parts = parts
        self._deadline = deadline
        self._look = Look(parts, fleet, self.report, pool, deadline)
        self._budget = Budget(parts.store, fleet.manifest.budget_usd_per_day, total, today)
        self._pauses = Pauses(parts.store, parts.settings.cache_scope, parts.environ, parts.clock)
        self._loaded: set[str] = set()
        self._lock = Lock()
        books = Books(parts, self.report, total)
        self._sender = Sender(parts, self._pauses, self.report, deadline, books.book)
        parts.provider.tell = self._pauses.note

    def work(self, text: str) -> None:
        """Make the call that a message asks for, or drop the message.

        Raises
        ------
        StateError
            When nothing was sent and another try may help.
        """
        try:
            message = Message.parse(text)
        except ValueError as error:
            self._drop("unknown", f"this is no message of this version: {error}")
            return
        case, why = self._case(message)
        if case is None:
            self._drop(message.name, why)
            return
        ttl = case.state.wanted_ttl or case.call.ttl
        order = Order(case, Decision(message.action, None, ttl, message.reason))
        if pause := self._pause(case):
            self._due_again(case, pause)
            self._drop(message.name, pause)
        elif why := self._unaffordable(order):
            self._drop(message.name, why)
        else:
            self._send(order)

    def _send(self, order: Order) -> None:
        outcome = self._sender.one(order)
        if outcome is None:
            raise StateError(self.report.state_error or "held back while it waited for its turn")
        if outcome.kind == FAILED:
            self._due_again(order.case, outcome.reason)

    def close(self) -> None:
        """Write new pauses down, and what is paused into the report."""
        try:
            self._pauses.keep(Deadline.after(BOOK_SECONDS))
        except StateError as error:
            self.report.state_error = str(error)
        self.report.paused = self._pauses.paused()

    def _case(self, message: Message) -> tuple[Case | None, str]:
        if self._parts.clock() > message.latest_start:
            return None, "too late"
        state = self._parts.store.read(message.key, self._deadline)
        if (state.warm_until or 0.0) > message.warm_until:
            return None, "somebody else has warmed it"
        return self._look.case(state), "in flight, held back, or no longer in the manifest"

    def _pause(self, case: Case) -> str:
        route = case.call.route
        with self._lock:
            if route not in self._loaded:
                self._pauses.load({route}, self._deadline)
                self._loaded.add(route)
        pause = self._pauses.until(route)
        return f"route {route} paused: {pause[1]}" if pause else ""

    def _unaffordable(self, order: Order) -> str:
        case = order.case
        with self._lock:
            left = self._budget.left(case.state.key, case.entry, self._deadline)
            cost = case.cost_usd(self._parts.clock(), order.decision.ttl)
            if left is not None and (cost is None or cost > left):
                self.report.budget_reached += 1
                return "the budget is used up"
            self._budget.reserve(cost)
        return ""

    def _due_again(self, case: Case, why: str) -> None:
        """Let the next tick decide, while the entry may still live.

        It waits for the end of pause and back-off itself.
        """
        now = self._parts.clock()
        check = Check(at=now, due_at=now, reason=why)
        self._parts.store.plan(case.state.key, check, Deadline.after(BOOK_SECONDS))

    def _drop(self, name: str, why: str) -> None:
        with self._lock:
            self.report.dropped += 1
        logger.warning("message dropped", prefix=name, why=why)
