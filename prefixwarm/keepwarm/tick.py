"""The steps of one tick."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.budget import RECORD_SECONDS, Budget, total_key
from prefixwarm.keepwarm.calls import CONCURRENCY, Sender, within_rate, writes_per_minute
from prefixwarm.keepwarm.candidate import fraction
from prefixwarm.keepwarm.fan_out import Dispatcher
from prefixwarm.keepwarm.isolation import Isolation
from prefixwarm.keepwarm.ledger_writer import LedgerWriter
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.missed_ticks import ticks_missed
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.keepwarm.selection import CandidateSelector
from prefixwarm.state.keepwarm_model import Registration
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


# More than a minute's worth of checks for 100,000 prefixes.
_MOST_DUE = 4000

# Minimum seconds left in the tick to register more prefixes after the due calls.
_SPARE = 10.0


def tick(
    dependencies: Dependencies, catalog: PrefixCatalog, deadline: Deadline, report: TickReport
) -> None:
    """Warm due prefixes, and report what was done.

    Raises
    ------
    StateError
        The state cannot be used: nothing is sent without it, and nothing more once it fails.
    """
    settings, clock = dependencies.settings, dependencies.clock
    route_breaker = RouteBreaker(
        dependencies.store, settings.cache_scope, dependencies.environ, clock
    )
    try:
        _warm_due(dependencies, catalog, deadline, report, route_breaker)
    finally:
        # Calls that lasted until the end leave no time in the tick, but pauses must be stored.
        route_breaker.keep(Deadline.after(RECORD_SECONDS))
        report.broken = len(catalog.broken)
        report.paused = route_breaker.paused()
        for route, reason in report.paused.items():
            logger.error("route paused: nothing is sent on it", route=route, why=reason)


def _warm_due(
    dependencies: Dependencies,
    catalog: PrefixCatalog,
    deadline: Deadline,
    report: TickReport,
    route_breaker: RouteBreaker,
) -> None:
    store, provider, clock = dependencies.store, dependencies.provider, dependencies.clock
    deployment = dependencies.settings.deployment
    total = total_key(deployment)
    catalog.learn_keys()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        register = partial(_register, dependencies, catalog, pool, deadline)
        register()
        now = clock()
        isolation = Isolation(store, report, deadline, clock)
        ledger_writer = LedgerWriter(store, report, total, clock)
        states = _due(store, now, isolation, report, deadline)
        list(pool.map(partial(_settle, ledger_writer, isolation), states))
        selector = CandidateSelector(
            store, dependencies.cloudwatch, catalog, isolation, report, pool, deadline, now
        )
        planned = _select_calls(selector, states, route_breaker, deadline, dependencies.at_once)
        # Calls beyond the rate do not use up the budget.
        budget = Budget(store, catalog.manifest.budget_usd_per_day, total, clock)
        planned = selector.affordable(planned, budget)
        record = ledger_writer.record_outcome
        sender = Sender(
            store, provider, route_breaker, isolation, budget, record, deployment, deadline, clock
        )
        others = sender.send_probe(planned, pool)
        dispatcher = Dispatcher(
            store, dependencies.queue, report, deadline, clock, dependencies.most_in_a_tick
        )
        sender.send(dispatcher.beyond(others, pool), pool)
        while catalog.unregistered and deadline.remaining() > _SPARE:
            register()


def _due(
    store: StateStore, now: float, isolation: Isolation, report: TickReport, deadline: Deadline
) -> list[State]:
    """The states whose next check is due; unreadable items are set aside."""
    due = store.due(now, _MOST_DUE, deadline)
    report.due, report.unreadable = len(due.states), len(due.unreadable)
    longest_due = due.states[0].last_decision.due_at if due.states else None
    report.missed = min(report.missed, ticks_missed(longest_due, now))
    for error in due.unreadable:
        isolation.set_aside(error.key, error.problem)
    return due.states


def _settle(ledger_writer: LedgerWriter, isolation: Isolation, state: State) -> None:
    isolation.run(state, lambda: ledger_writer.settle(state))


def _select_calls(
    selector: CandidateSelector,
    states: list[State],
    route_breaker: RouteBreaker,
    deadline: Deadline,
    at_once: int,
) -> list[PlannedCall]:
    """The due calls within the rate, most urgent first."""
    planned_calls: list[PlannedCall] = []
    for start in range(0, len(states), at_once):
        candidates = selector.candidates(states[start : start + at_once])
        route_breaker.load({candidate.call.route for candidate in candidates}, deadline)
        planned_calls += selector.planned_calls(candidates, route_breaker)
        planned_calls = within_rate(planned_calls, selector.catalog.manifest.calls_per_minute)
    return planned_calls


def _register(
    dependencies: Dependencies, catalog: PrefixCatalog, pool: ThreadPoolExecutor, deadline: Deadline
) -> None:
    """Register some prefixes of the manifest, each once per environment.

    A few become due at once; many are spread over the minutes that the write rate requires.
    """
    minutes = len(catalog.manifest.entries) // writes_per_minute(catalog.manifest.calls_per_minute)
    now = dependencies.clock()

    def register(key: str) -> None:
        entry = catalog.entries[key]
        due_at = now + minutes * 60 * fraction(entry.name)
        registration = Registration(name=entry.name, at=now, due_at=due_at, object=entry.object)
        dependencies.store.register(key, registration, deadline)
        catalog.unregistered.discard(key)

    list(pool.map(register, sorted(catalog.unregistered)[: dependencies.at_once]))
