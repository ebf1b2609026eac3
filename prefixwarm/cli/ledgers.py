"""Reads and sums ledgers: dollars spent and saved, warm calls by outcome."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from prefixwarm.amounts import dollars
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefixwarm.state.keepwarm_model import Ledger
    from prefixwarm.state.store import StateStore


PERIODS = {"today": 1, "last_30_days": 30}
_SECONDS = 30.0
_SUMS = ("spent_usd", "others_usd", "saved_usd", "saves", "unpriced")


def ledgers(store: StateStore, key: str, days: int, now: float) -> list[Ledger]:
    """Read the ledgers of the last days, today's first; raises StateError."""
    today = datetime.fromtimestamp(now, timezone.utc).date()
    dates = [(today - timedelta(days=i)).isoformat() for i in range(days)]
    return store.ledger(key, dates, Deadline.after(_SECONDS))


def periods(store: StateStore, keys: Sequence[str], now: float) -> dict[str, dict[str, Any]]:
    """Sum these keys' ledgers over each period; raises StateError."""
    all_days = [day for key in keys for day in ledgers(store, key, max(PERIODS.values()), now)]
    first = {
        name: (datetime.fromtimestamp(now, timezone.utc) - timedelta(days=days - 1)).date()
        for name, days in PERIODS.items()
    }
    return {
        name: summed([day for day in all_days if day.day >= first[name].isoformat()])
        for name in PERIODS
    }


def summed(days: Sequence[Ledger]) -> dict[str, Any]:
    """Sum ledgers under stable JSON keys; `net_usd` is None if a part is unknown."""
    outcomes: Counter[str] = Counter()
    for day in days:
        outcomes.update(day.outcomes)
    sums: dict[str, Any] = {name: sum(getattr(day, name) for day in days) for name in _SUMS}
    unknown = any(day.net_usd is None for day in days)
    net = None if unknown else sum(day.net_usd or 0.0 for day in days)
    return {"outcomes": dict(outcomes), **sums, "net_usd": net}


def document(day: Ledger) -> dict[str, Any]:
    """One ledger under stable JSON keys."""
    return {**vars(day), "net_usd": day.net_usd}


def priced(usd: float, unpriced: int) -> str:
    """Dollars to show, with a mark if a part has no known price."""
    return dollars(usd) + (" + unknown" if unpriced else "")


def calls(outcomes: Mapping[str, int]) -> str:
    """Warm calls by outcome, in words."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(outcomes.items())) or "-"


def sentences(sums_by_period: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """One line for each period with entries."""
    for name, sums in sums_by_period.items():
        spent = sums["spent_usd"] + sums["others_usd"]
        if sums["outcomes"] or spent or sums["saves"]:
            reads = "1 observed read" if sums["saves"] == 1 else f"{sums['saves']} observed reads"
            yield (
                f"{name.replace('_', ' ')}: spent {priced(spent, sums['unpriced'])}, "
                f"saved {dollars(sums['saved_usd'])} by {reads}, "
                f"net {dollars(sums['net_usd'])}; keep-warm calls: {calls(sums['outcomes'])}"
            )
