"""One tick, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from prefixwarm.core.errors import StateError
from prefixwarm.keepwarm.booking import Books
from prefixwarm.keepwarm.budget import Budget, day_of, total_key
from prefixwarm.keepwarm.deciding import fraction
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.looking import Look
from prefixwarm.keepwarm.pauses import Pauses
from prefixwarm.keepwarm.report import Report
from prefixwarm.keepwarm.sending import CONCURRENCY, Sender, within_rate

if TYPE_CHECKING:
    from prefixwarm.core.deadline import Deadline
    from prefixwarm.keepwarm.fleet import Fleet
    from prefixwarm.keepwarm.parts import Parts

__all__ = ["tick"]

# More than a minute's worth of checks for 100,000 prefixes.
_MOST_DUE = 4000


def tick(parts: Parts, fleet: Fleet, deadline: Deadline) -> Report:
    """Look what is due and warm it; without the state nothing is sent, and the report says so."""
    report = Report()
    pauses = Pauses(parts.store, parts.settings.cache_scope, parts.environ, parts.clock)
    parts.provider.tell = pauses.note
    try:
        _tend(parts, fleet, deadline, report, pauses)
        pauses.keep(deadline)
    except StateError as error:
        report.state_error = str(error)
    report.broken = len(fleet.broken)
    report.paused = pauses.paused()
    for route, reason in report.paused.items():
        logger.error("route paused: nothing is sent on it", route=route, why=reason)
    return report


def _tend(parts: Parts, fleet: Fleet, deadline: Deadline, report: Report, pauses: Pauses) -> None:
    now, manifest = parts.clock(), fleet.manifest
    total = total_key(parts.settings.deployment)
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        _register(parts, fleet, pool, deadline, now)
        states = parts.store.due(now, _MOST_DUE, deadline)
        report.due = len(states)
        look = Look(parts, fleet, report, pool, deadline)
        cases = look.cases(states)
        pauses.load({case.call.route for case in cases}, deadline)
        budget = Budget(parts.store, manifest.budget_usd_per_day, total, day_of(now))
        orders = look.orders(cases, budget, pauses)
    books = Books(parts, report, total)
    sender = Sender(parts, pauses, report, deadline, books.book)
    sender.send(within_rate(orders, manifest.calls_per_minute))


def _register(
    parts: Parts, fleet: Fleet, pool: ThreadPoolExecutor, deadline: Deadline, now: float
) -> None:
    """Make the manifest's prefixes known, once in an environment's life."""
    fleet.learn_keys()
    minutes = len(fleet.unregistered) // fleet.manifest.calls_per_minute

    def register(key: str) -> None:
        name = fleet.entries[key].name
        due_at = now + minutes * 60 * fraction(name)
        parts.store.register(key, name, due_at, deadline)
        fleet.unregistered.discard(key)

    list(pool.map(register, sorted(fleet.unregistered)))
