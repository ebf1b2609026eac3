"""The steps of a call, from selection to ledger: of one tick, one worker batch, or one ask."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.budget import RECORD_SECONDS, Budget, total_key
from prefixwarm.keepwarm.calls import Sender
from prefixwarm.keepwarm.isolation import Isolation
from prefixwarm.keepwarm.ledger_writer import LedgerWriter
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.keepwarm.selection import CandidateSelector
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.tick_report import TickReport


class CallMaker:
    """What one tick, one worker batch or one ask does with a prefix; thread-safe.

    Attributes
    ----------
    route_breaker : RouteBreaker
        The pauses of routes.
    isolation : Isolation
        Sets prefixes aside whose work fails.
    ledger_writer : LedgerWriter
        Writes the ledgers.
    budget : Budget
        What may still be spent today.
    selector : CandidateSelector
        Makes candidates.
    sender : Sender
        Makes calls, with lease, reservation and ledger.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        catalog: PrefixCatalog,
        pool: Executor,
        deadline: Deadline,
        report: TickReport,
    ) -> None:
        settings, store, clock = dependencies.settings, dependencies.store, dependencies.clock
        total = total_key(settings.deployment)
        self._report = report
        self._deadline = deadline
        self._loaded: set[str] = set()
        self._lock = Lock()
        self.route_breaker = RouteBreaker(store, settings.cache_scope, dependencies.environ, clock)
        self.isolation = Isolation(store, report, deadline, clock)
        self.ledger_writer = LedgerWriter(store, report, total, clock)
        self.budget = Budget(store, catalog.manifest.budget_usd_per_day, total, clock)
        self.selector = CandidateSelector(
            store,
            dependencies.cloudwatch,
            catalog,
            self.isolation,
            report,
            pool,
            deadline,
            clock(),
        )
        self.sender = Sender(
            store,
            dependencies.provider,
            self.route_breaker,
            self.isolation,
            self.budget,
            self.ledger_writer.record_outcome,
            settings.deployment,
            deadline,
            clock,
        )

    def pause(self, route: str) -> str:
        """Why a route is paused, or ""."""
        with self._lock:
            if route not in self._loaded:
                self.route_breaker.load({route}, self._deadline)
                self._loaded.add(route)
        pause = self.route_breaker.pause(route)
        return f"route {route} paused: {pause.reason}" if pause else ""

    def close(self) -> None:
        """Store new pauses, and report paused routes."""
        try:
            self.route_breaker.keep(Deadline.after(RECORD_SECONDS))
        except StateError as error:
            self._report.state_error = str(error)
        self._report.paused = self.route_breaker.paused()
