"""What a worker makes of one batch of messages."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError, StateItemError
from prefixwarm.keepwarm.budget import RECORD_SECONDS, Budget, total_key
from prefixwarm.keepwarm.calls import Sender
from prefixwarm.keepwarm.fan_out import Message
from prefixwarm.keepwarm.isolation import Isolation
from prefixwarm.keepwarm.ledger_writer import LedgerWriter
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.keepwarm.selection import CandidateSelector
from prefixwarm.policy import Decision
from prefixwarm.state.model import Check
from prefixwarm.state.outcome import FAILED
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.tick_report import TickReport


class HeldBackError(Exception):
    """A call was not even tried, for want of time or because the state failed: try it again."""


class Batch:
    """One batch; safe between threads.

    The decision was the tick's. What may have changed since is asked again: whether it is too
    late, done already, removed, held back, paused, or no longer affordable. Then the message is
    dropped; its prefix comes due again by itself.

    Parameters
    ----------
    report
        What was done.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        catalog: PrefixCatalog,
        pool: Executor,
        deadline: Deadline,
        report: TickReport,
    ) -> None:
        catalog.learn_keys()
        settings, store, clock = dependencies.settings, dependencies.store, dependencies.clock
        total, now = total_key(settings.deployment), dependencies.clock()
        self._store = store
        self._clock = clock
        self._deadline = deadline
        self._report = report
        isolation = Isolation(store, report, deadline, clock)
        self._selector = CandidateSelector(
            store, dependencies.cloudwatch, catalog, isolation, report, pool, deadline, now
        )
        self._budget = Budget(store, catalog.manifest.budget_usd_per_day, total, clock)
        self._route_breaker = RouteBreaker(store, settings.cache_scope, dependencies.environ, clock)
        self._sender = Sender(
            store,
            dependencies.provider,
            self._route_breaker,
            isolation,
            self._budget,
            LedgerWriter(store, report, total, clock).record_outcome,
            settings.deployment,
            deadline,
            clock,
        )
        self._loaded: set[str] = set()
        self._lock = Lock()

    def work(self, text: str) -> None:
        """Make the call that a message asks for, or drop the message.

        Raises
        ------
        StateError, HeldBackError
            When another try may help.
        """
        try:
            message = Message.parse(text)
        except ValueError as error:
            self._drop("unknown", f"this is no message of this version: {error}")
            return
        try:
            self._work(message)
        except StateError as error:
            self._report.state_error = str(error)
            raise

    def close(self) -> None:
        """Write new pauses down, and what is paused into the report."""
        try:
            self._route_breaker.keep(Deadline.after(RECORD_SECONDS))
        except StateError as error:
            self._report.state_error = str(error)
        self._report.paused = self._route_breaker.paused()

    def _work(self, message: Message) -> None:
        candidate, why = self._candidate(message)
        if candidate is None:
            self._drop(message.name, why)
            return
        ttl = candidate.state.last_decision.wanted_ttl or candidate.call.ttl
        planned = PlannedCall(candidate, Decision(message.action, None, ttl, message.reason))
        if pause := self._pause(candidate):
            self._due_again(candidate, pause)
            self._drop(message.name, pause)
        elif why := self._unaffordable(planned):
            self._drop(message.name, why)
        else:
            self._send(planned)

    def _send(self, planned: PlannedCall) -> None:
        outcome = self._sender.one(planned)
        if outcome is None:
            raise HeldBackError("held back while it waited for its turn")
        if outcome.kind == FAILED:
            self._due_again(planned.candidate, outcome.reason)

    def _candidate(self, message: Message) -> tuple[Candidate | None, str]:
        if self._clock() > message.latest_start:
            return None, "too late"
        try:
            state = self._store.read(message.key, self._deadline)
        except StateItemError as error:
            return None, str(error)
        if (state.life.warm_until or 0.0) > message.warm_until:
            return None, "somebody else has warmed it"
        return self._selector.candidate(state), "in flight, held back, or no longer in the manifest"

    def _pause(self, candidate: Candidate) -> str:
        route = candidate.call.route
        with self._lock:
            if route not in self._loaded:
                self._route_breaker.load({route}, self._deadline)
                self._loaded.add(route)
        pause = self._route_breaker.pause(route)
        return f"route {route} paused: {pause.reason}" if pause else ""

    def _unaffordable(self, planned: PlannedCall) -> str:
        candidate = planned.candidate
        with self._lock:
            left = self._budget.left(candidate.state.key, candidate.entry, self._deadline)
            cost = candidate.cost_usd(self._clock(), planned.decision.ttl)
            if left is not None and (cost is None or cost > left):
                self._report.budget_reached += 1
                return "the budget is used up"
            self._budget.deduct(cost)
        return ""

    def _due_again(self, candidate: Candidate, why: str) -> None:
        """Let the next tick decide, while the entry may still live.

        It waits for the end of pause and back-off itself.
        """
        now = self._clock()
        check = Check(at=now, due_at=now, reason=why)
        self._store.record_check(candidate.state.key, check, Deadline.after(RECORD_SECONDS))

    def _drop(self, name: str, why: str) -> None:
        with self._lock:
            self._report.dropped += 1
        logger.warning("message dropped", prefix=name, why=why)
