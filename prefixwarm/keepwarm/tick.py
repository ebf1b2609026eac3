"""The steps of one tick."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.budget import RECORD_SECONDS
from prefixwarm.keepwarm.call_maker import CallMaker
from prefixwarm.keepwarm.calls import CONCURRENCY, within_rate, writes_per_minute
from prefixwarm.keepwarm.candidate import fraction
from prefixwarm.keepwarm.fan_out import Dispatcher
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.missed_ticks import ticks_missed
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
    try:
        _register(dependencies, catalog, deadline)
        pool = ThreadPoolExecutor(CONCURRENCY)
        calls = CallMaker(dependencies, catalog, pool, deadline, report)
        try:
            with pool:
                _warm_due(dependencies, calls, pool, deadline, report)
            while catalog.unregistered and deadline.remaining() > _SPARE:
                _register(dependencies, catalog, deadline)
        finally:
            # Calls that lasted until the end leave no time in the tick, but pauses must be stored.
            calls.route_breaker.keep(Deadline.after(RECORD_SECONDS))
            report.paused = calls.route_breaker.paused()
            for route, reason in report.paused.items():
                logger.error("route paused: nothing is sent on it", route=route, why=reason)
    finally:
        report.broken = len(catalog.broken)


def _warm_due(
    dependencies: Dependencies,
    calls: CallMaker,
    pool: ThreadPoolExecutor,
    deadline: Deadline,
    report: TickReport,
) -> None:
    store, sender = dependencies.store, calls.sender
    states = _due(store, calls, report, deadline)
    list(pool.map(partial(_settle, calls), states))
    planned = _select_calls(calls, states, deadline, dependencies.at_once)
    # Calls beyond the rate do not use up the budget.
    planned = calls.selector.affordable(planned, calls.budget)
    others = sender.send_probe(planned, pool)
    most, queue = dependencies.most_in_a_tick, dependencies.queue
    dispatcher = Dispatcher(store, queue, report, deadline, dependencies.clock, most)
    sender.send(dispatcher.beyond(others, pool), pool)


def _due(
    store: StateStore, calls: CallMaker, report: TickReport, deadline: Deadline
) -> list[State]:
    """The states whose next check is due; unreadable items are set aside."""
    now = calls.selector.now
    due = store.due(now, _MOST_DUE, deadline)
    report.due, report.unreadable = len(due.states), len(due.unreadable)
    longest_due = due.states[0].last_decision.due_at if due.states else None
    report.missed = min(report.missed, ticks_missed(longest_due, now))
    for error in due.unreadable:
        calls.isolation.set_aside(error.key, error.problem)
    return due.states


def _settle(calls: CallMaker, state: State) -> None:
    calls.isolation.run(state, lambda: calls.ledger_writer.settle(state))


def _select_calls(
    calls: CallMaker, states: list[State], deadline: Deadline, at_once: int
) -> list[PlannedCall]:
    """The due calls within the rate, most urgent first."""
    selector, route_breaker = calls.selector, calls.route_breaker
    planned_calls: list[PlannedCall] = []
    for start in range(0, len(states), at_once):
        candidates = selector.candidates(states[start : start + at_once])
        route_breaker.load({candidate.call.route for candidate in candidates}, deadline)
        planned_calls += selector.planned_calls(candidates, route_breaker)
        planned_calls = within_rate(planned_calls, selector.catalog.manifest.calls_per_minute)
    return planned_calls


def _register(dependencies: Dependencies, catalog: PrefixCatalog, deadline: Deadline) -> None:
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

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(register, sorted(catalog.unregistered)[: dependencies.at_once]))
