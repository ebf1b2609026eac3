"""Budgets in US dollars a UTC day: for all prefixes of a deployment, and for one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline


def day_of(now: float) -> str:
    """The UTC day of epoch seconds, such as ``2026-11-21``."""
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")


def total_key(deployment: str) -> str:
    """The key of the ledger of all prefixes together."""
    return f"total/{deployment or 'default'}"


class Budget:
    """What may still be spent today.

    What a tick decides to spend is reserved at once, at the price of a read or a write as
    decided; a refresh that turns out to write costs more, and is in the ledger the tick after.

    Parameters
    ----------
    limit
        US dollars a day for all; None for no limit.
    total
        The key of the ledger of all.
    """

    def __init__(self, store: StateStore, limit: float | None, total: str, day: str) -> None:
        self._store = store
        self._limit = limit
        self._total = total
        self._day = day
        self._left: float | None = None

    def left(self, key: str, entry: Entry, deadline: Deadline) -> float | None:
        """US dollars left for this prefix; None for no limit."""
        if self._limit is not None and self._left is None:
            self._left = self._limit - self._spent(self._total, deadline)
        if entry.budget_usd_per_day is None:
            return self._left
        own = entry.budget_usd_per_day - self._spent(key, deadline)
        return own if self._left is None else min(own, self._left)

    def reserve(self, cost_usd: float | None) -> None:
        """Set dollars aside for a call that is going to be made."""
        if self._left is not None:
            self._left -= cost_usd or 0.0

    def _spent(self, key: str, deadline: Deadline) -> float:
        return sum(day.spent_usd for day in self._store.ledger(key, [self._day], deadline))
