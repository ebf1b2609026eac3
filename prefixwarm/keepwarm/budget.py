"""Daily budgets in US dollars, for the whole deployment and for one prefix (UTC days)."""

from __future__ import annotations

from dataclasses import dataclass, field
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


# Independent of the tick's time left, because spent money must be recorded.
RECORD_SECONDS = 3.0


def day_of(now: float) -> str:
    """The UTC day of epoch seconds, such as ``2026-11-21``."""
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")


def total_key(deployment: str) -> str:
    """The key of the deployment's ledger."""
    return f"total/{deployment or 'default'}"


@dataclass
class Budget:
    """What may still be spent today; thread-safe.

    A tick first plans what fits, at the price of a read or write as decided. Before each call is
    sent, its dollars are reserved in the table, so no two ticks or workers spend the same dollar
    and a killed tick's dollars are not lost. A refresh that turns out to write costs more than was
    reserved; the ledger is corrected after the call.

    Attributes
    ----------
    limit : float or None
        US dollars per day for the deployment; None for no limit.
    total : str
        The key of the deployment's ledger.
    """

    store: StateStore
    limit: float | None
    total: str
    clock: Callable[[], float]
    _left: float | None = None
    # All reservations write to the deployment's ledger; concurrent ones would only conflict.
    _lock: Lock = field(default_factory=Lock)

    def left(self, key: str, entry: Entry, deadline: Deadline) -> float | None:
        """US dollars left to plan with for a prefix; None for no limit."""
        if self.limit is not None and self._left is None:
            self._left = self.limit - self._spent(self.total, deadline)
        if entry.budget_usd_per_day is None:
            return self._left
        own = entry.budget_usd_per_day - self._spent(key, deadline)
        return own if self._left is None else min(own, self._left)

    def deduct(self, cost_usd: float | None) -> None:
        """Deduct a planned call from the dollars to plan with."""
        if self._left is not None:
            self._left -= cost_usd or 0.0

    def reserve(
        self, key: str, entry: Entry, cost_usd: float | None, deadline: Deadline
    ) -> Reservation | None:
        """Reserve the dollars of one call; None if that would exceed the budget.

        A call of unknown price exceeds any budget.
        """
        limits = Limits(total_usd=self.limit, own_usd=entry.budget_usd_per_day)
        limited = not (limits.total_usd is None and limits.own_usd is None)
        if cost_usd is None and limited:
            return None
        now = self.clock()
        reservation = Reservation(
            key=key, total=self.total, day=day_of(now), at=now, usd=cost_usd or 0.0
        )
        with self._lock:
            done = self.store.reserve(reservation, limits, deadline.earliest(RECORD_SECONDS))
        return reservation if done else None

    def spend(self, reservation: Reservation, outcome: Outcome) -> None:
        """Replace a reservation with the call's cost."""
        with self._lock:
            self.store.spend(reservation, outcome, Deadline.after(RECORD_SECONDS))

    def _spent(self, key: str, deadline: Deadline) -> float:
        """What was spent or is reserved, including unreserved spending by older code."""
        day = day_of(self.clock())
        ledgers = self.store.ledger(key, [day], deadline)
        return sum(max(ledger.committed_usd, ledger.spent_usd) for ledger in ledgers)
