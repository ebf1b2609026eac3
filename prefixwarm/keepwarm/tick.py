"""One tick, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.budget import Budget, day_of, total_key
from prefixwarm.keepwarm.calls import CONCURRENCY, Sender, within_rate, writes_per_minute
from prefixwarm.keepwarm.candidate import fraction
from prefixwarm.keepwarm.fan_out import Dispatcher
from prefixwarm.keepwarm.ledger_writer import BOOK_SECONDS, LedgerWriter
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.keepwarm.selection import BROKEN_SECONDS, CandidateSelector
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.state.model import Check, Registration
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.errors import StateItemError
    from prefixwarm.keepwarm.calls import PlannedCall
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies


# More than a minute's worth of checks for 100,000 prefixes.
_MOST_DUE = 4000

# So many prefixes are looked at together. So many are registered before, the others when that is
# done and so many seconds are left.
_AT_ONCE = 500
_SPARE = 10.0


def tick(dependencies: Dependencies, catalog: PrefixCatalog, deadline: Deadline) -> TickReport:
    """Look what is due and warm it; without the state nothing is sent, and the report says so."""
    report = TickReport()
    route_breaker = RouteBreaker(
        dependencies.store,
        dependencies.settings.cache_scope,
        dependencies.environ,
        dependencies.clock,
    )
    dependencies.provider.tell = route_breaker.note
    try:
        try:
            _tend(dependencies, catalog, deadline, report, route_breaker)
        finally:
            # Calls that lasted until the end leave no time of the tick, but a reason to pause.
            route_breaker.keep(Deadline.after(BOOK_SECONDS))
    except StateError as error:
        report.state_error = str(error)
    report.broken = len(catalog.broken)
    report.paused = route_breaker.paused()
    for route, reason in report.paused.items():
        logger.error("route paused: nothing is sent on it", route=route, why=reason)
    return report


def _tend(
    dependencies: Dependencies,
    catalog: PrefixCatalog,
    deadline: Deadline,
    report: TickReport,
    route_breaker: RouteBreaker,
) -> None:
    manifest = catalog.manifest
    total = total_key(dependencies.settings.deployment)
    catalog.learn_keys()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        _register(dependencies, catalog, pool, deadline, _AT_ONCE)
        now = dependencies.clock()
        due = dependencies.store.due(now, _MOST_DUE, deadline)
        states = due.states
        report.due, report.unreadable = len(states), len(due.unreadable)
        for error in due.unreadable:
            _set_aside(dependencies, error, deadline)
        look = CandidateSelector(dependencies, catalog, report, pool, deadline)
        ledger_writer = LedgerWriter(dependencies, report, total)
        list(pool.map(ledger_writer.settle, states))
        budget = Budget(dependencies.store, manifest.budget_usd_per_day, total, day_of(now))
        planned_calls: list[PlannedCall] = []
        # Not all at once: each holds its whole prompt.
        for start in range(0, len(states), _AT_ONCE):
            candidates = look.candidates(states[start : start + _AT_ONCE])
            route_breaker.load({candidate.call.route for candidate in candidates}, deadline)
            planned_calls += look.planned_calls(candidates, route_breaker)
            planned_calls = within_rate(planned_calls, manifest.calls_per_minute)
        # What the rate puts off takes nothing of the budget.
        planned_calls = look.affordable(planned_calls, budget)
        sender = Sender(dependencies, route_breaker, report, deadline, ledger_writer.book)
        others = sender.send_probe(planned_calls, pool)
        sender.send(Dispatcher(dependencies, report, deadline).beyond(others, pool), pool)
        while catalog.unregistered and not report.state_error and deadline.remaining() > _SPARE:
            _register(dependencies, catalog, pool, deadline, _AT_ONCE)


def _set_aside(dependencies: Dependencies, error: StateItemError, deadline: Deadline) -> None:
    """Put an item off that cannot be read; the others are kept warm."""
    key, problem = error.key, error.problem
    logger.error("a state cannot be read; the others are kept warm", key=key, why=problem)
    if key:
        now = dependencies.clock()
        check = Check(at=now, due_at=now + BROKEN_SECONDS, reason=problem)
        dependencies.store.plan(key, check, deadline)


def _register(
    dependencies: Dependencies,
    catalog: PrefixCatalog,
    pool: ThreadPoolExecutor,
    deadline: Deadline,
    most: int,
) -> None:
    """Make prefixes of the manifest known, each once in an environment's life.

    Few are due at once; many are spread over the minutes that the rate of writes needs.
    """
    minutes = len(catalog.manifest.entries) // writes_per_minute(catalog.manifest.calls_per_minute)
    now = dependencies.clock()

    def register(key: str) -> None:
        entry = catalog.entries[key]
        due_at = now + minutes * 60 * fraction(entry.name)
        known = Registration(name=entry.name, at=now, due_at=due_at, object=entry.object)
        dependencies.store.register(key, known, deadline)
        catalog.unregistered.discard(key)

    list(pool.map(register, sorted(catalog.unregistered)[:most]))
