"""One tick, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.budget import Budget, day_of, total_key
from prefixwarm.keepwarm.calls import CONCURRENCY, Sender, within_rate, writes_per_minute
from prefixwarm.keepwarm.candidate import fraction
from prefixwarm.keepwarm.fan_out import Dispatcher
from prefixwarm.keepwarm.ledger_writer import BOOK_SECONDS, Books
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.route_breaker import Pauses
from prefixwarm.keepwarm.selection import Look
from prefixwarm.keepwarm.tick_report import Report
from prefixwarm.state.model import Registration
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.keepwarm.calls import Order
    from prefixwarm.keepwarm.catalog import Fleet
    from prefixwarm.keepwarm.dependencies import Parts

__all__ = ["tick"]

# More than a minute's worth of checks for 100,000 prefixes.
_MOST_DUE = 4000

# So many prefixes are looked at together. So many are registered before, the others when that is
# done and so many seconds are left.
_AT_ONCE = 500
_SPARE = 10.0


def tick(parts: Parts, fleet: Fleet, deadline: Deadline) -> Report:
    """Look what is due and warm it; without the state nothing is sent, and the report says so."""
    report = Report()
    pauses = Pauses(parts.store, parts.settings.cache_scope, parts.environ, parts.clock)
    parts.provider.tell = pauses.note
    try:
        try:
            _tend(parts, fleet, deadline, report, pauses)
        finally:
            # Calls that lasted until the end leave no time of the tick, but a reason to pause.
            pauses.keep(Deadline.after(BOOK_SECONDS))
    except StateError as error:
        report.state_error = str(error)
    report.broken = len(fleet.broken)
    report.paused = pauses.paused()
    for route, reason in report.paused.items():
        logger.error("route paused: nothing is sent on it", route=route, why=reason)
    return report


def _tend(parts: Parts, fleet: Fleet, deadline: Deadline, report: Report, pauses: Pauses) -> None:
    manifest = fleet.manifest
    total = total_key(parts.settings.deployment)
    fleet.learn_keys()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        _register(parts, fleet, pool, deadline, _AT_ONCE)
        now = parts.clock()
        states = parts.store.due(now, _MOST_DUE, deadline)
        report.due = len(states)
        look = Look(parts, fleet, report, pool, deadline)
        books = Books(parts, report, total)
        list(pool.map(books.settle, states))
        budget = Budget(parts.store, manifest.budget_usd_per_day, total, day_of(now))
        orders: list[Order] = []
        # Not all at once: each holds its whole prompt.
        for start in range(0, len(states), _AT_ONCE):
            cases = look.cases(states[start : start + _AT_ONCE])
            pauses.load({case.call.route for case in cases}, deadline)
            orders += look.orders(cases, pauses)
            orders = within_rate(orders, manifest.calls_per_minute)
        # What the rate puts off takes nothing of the budget.
        orders = look.affordable(orders, budget)
        sender = Sender(parts, pauses, report, deadline, books.book)
        others = sender.scout(orders, pool)
        sender.send(Dispatcher(parts, report, deadline).beyond(others, pool), pool)
        while fleet.unregistered and not report.state_error and deadline.remaining() > _SPARE:
            _register(parts, fleet, pool, deadline, _AT_ONCE)


def _register(
    parts: Parts, fleet: Fleet, pool: ThreadPoolExecutor, deadline: Deadline, most: int
) -> None:
    """Make prefixes of the manifest known, each once in an environment's life.

    Few are due at once; many are spread over the minutes that the rate of writes needs.
    """
    minutes = len(fleet.manifest.entries) // writes_per_minute(fleet.manifest.calls_per_minute)
    now = parts.clock()

    def register(key: str) -> None:
        entry = fleet.entries[key]
        due_at = now + minutes * 60 * fraction(entry.name)
        known = Registration(name=entry.name, at=now, due_at=due_at, object=entry.object)
        parts.store.register(key, known, deadline)
        fleet.unregistered.discard(key)

    list(pool.map(register, sorted(fleet.unregistered)[:most]))
