"""Budgets in US dollars a UTC day: for all prefixes of a deployment, and for one."""

from __future__ import annotations

from datetime import datetime, timezone
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.state.keepwarm_model import Limits, Reservation
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.store import StateStore


# Whatever is left of the tick: money that was spent is written down.
RECORD_SECONDS = 3.0


def day_of(now: float) -> str:
    """The UTC day of epoch seconds, such as ``2026-11-21``."""
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")


def total_key(deployment: str) -> str:
    """The key of the ledger of all prefixes together."""
    return f"total/{deployment or 'default'}"


class Budget:
    """What may still be spent today; safe between threads.

    A tick first plans what fits, at the price of a read or a write as decided, and then reserves
    the dollars of each call in the table before it is sent: so no two ticks or workers spend the
    same dollar, and those of a tick that is killed are not forgotten. A refresh that turns out to
    write costs more than was reserved; the ledger knows when the call is over.

    Parameters
    ----------
    limit
        US dollars a day for all; None for no limit.
    total
        The key of the ledger of all.
    """

    def __init__(
        self, store: StateStore, limit: float | None, total: str, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._limit = limit
        self._total = total
        self._clock = clock
        self._left: float | None = None
        # All write to the ledger of all: side by side they would only refuse each other.
        self._lock = Lock()

    def left(self, key: str, entry: Entry, deadline: Deadline) -> float | None:
        """US dollars left to plan with for this prefix; None for no limit."""
        if self._limit is not None and self._left is None:
            self._left = self._limit - self._spent(self._total, deadline)
        if entry.budget_usd_per_day is None:
            return self._left
        own = entry.budget_usd_per_day - self._spent(key, deadline)
        return own if self._left is None else min(own, self._left)

    def deduct(self, cost_usd: float | None) -> None:
        """Plan with fewer dollars, as a call is going to be made."""
        if self._left is not None:
            self._left -= cost_usd or 0.0

    def reserve(
        self, key: str, entry: Entry, cost_usd: float | None, deadline: Deadline
    ) -> Reservation | None:
        """Set the dollars of one call aside; None where that would exceed the budget.

        Where there is a budget, a call of unknown price exceeds it.
        """
        limits = Limits(total_usd=self._limit, own_usd=entry.budget_usd_per_day)
        limited = not (limits.total_usd is None and limits.own_usd is None)
        if cost_usd is None and limited:
            return None
        now = self._clock()
        reservation = Reservation(
            key=key, total=self._total, day=day_of(now), at=now, usd=cost_usd or 0.0
        )
        with self._lock:
            done = self._store.reserve(reservation, limits, deadline.earliest(RECORD_SECONDS))
        return reservation if done else None

    def spend(self, reservation: Reservation, outcome: Outcome) -> None:
        """Put what a call cost in the place of its reservation."""
        with self._lock:
            self._store.spend(reservation, outcome, Deadline.after(RECORD_SECONDS))

    def _spent(self, key: str, deadline: Deadline) -> float:
        """What was spent or is reserved; what older code has spent was reserved by nobody."""
        day = day_of(self._clock())
        ledgers = self._store.ledger(key, [day], deadline)
        return sum(max(ledger.committed_usd, ledger.spent_usd) for ledger in ledgers)
