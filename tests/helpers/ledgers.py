"""Money in ledgers, as the keep-warm function puts it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.state.keepwarm_model import Limits, Reservation

if TYPE_CHECKING:
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline

TOTAL = "total/ledgers"


def add_spending(store: StateStore, key: str, day: str, outcome: Outcome, until: Deadline) -> None:
    """Reserve what a call costs, and spend it."""
    usd = outcome.cost_usd or 0.0
    reservation = Reservation(key=key, total=TOTAL, day=day, at=outcome.started_at, usd=usd)
    assert store.reserve(reservation, Limits(), until)
    store.spend(reservation, outcome, until)
