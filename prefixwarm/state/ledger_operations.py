"""Operations on a day's dollars: reserve, spend, settle."""

from __future__ import annotations

from prefixwarm.state.changes import keep
from prefixwarm.state.keepwarm_items import ledger_key, ledger_of
from prefixwarm.state.keepwarm_model import LEDGER_SECONDS, Settlement
from prefixwarm.state.schema import only
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.update_expression import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from prefixwarm.state.keepwarm_model import Ledger, Limits, Reservation
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


class LedgerOperations(TableAccess):
    """Reserve, spend and settle dollars in the ledgers, and read them; errors as in `WarmStore`."""

    def reserve(self, reservation: Reservation, limits: Limits, deadline: Deadline) -> bool:
        """Reserve dollars in the day's ledgers of the prefix and the deployment, atomically.

        Returns False, and reserves nothing, if either limit does not allow it.
        """
        changes = _committed(reservation, limits)
        return bool(changes) and self._update_once_if(changes, deadline)

    def spend(self, reservation: Reservation, outcome: Outcome, deadline: Deadline) -> None:
        """Replace a reservation with what its call cost, in both ledgers.

        If the cost is unknown, the reservation stays and counts as spent.
        """
        changes = {}
        for key in (reservation.key, reservation.total):
            changes[ledger_key(key, reservation.day)] = change = _spent(outcome)
            if outcome.cost_usd is not None:
                change.add(committed_usd=outcome.cost_usd - reservation.usd)
        self._update_once(changes, deadline)

    def adjust(self, reservation: Reservation, usd: float, tokens: int, deadline: Deadline) -> None:
        """Replace a reservation with what its call cost, without counting the call."""
        changes = {}
        for key in (reservation.total, reservation.key):
            changes[ledger_key(key, reservation.day)] = change = Change()
            change.add(committed_usd=usd - reservation.usd)
        if tokens != reservation.tokens:
            change.add(committed_tokens=tokens - reservation.tokens)
        self._update_once(changes, deadline)

    def settle(
        self, state: State, total: str, day: str, at: float, deadline: Deadline
    ) -> Settlement | None:
        """Enter other callers' spending and the savings into the day's ledgers, once.

        Enters them in the prefix's ledger and in that of `total`. Returns None if there is nothing
        to settle, or if another caller has settled since `state` was read.
        """
        settlement = Settlement.of(state)
        if settlement is None:
            return None
        changes = {state.key: _settled(state, settlement)}
        for key in (state.key, total):
            changes[ledger_key(key, day)] = _settlement_entry(settlement, at)
        return settlement if self._update_once_if(changes, deadline) else None

    def ledger(self, key: str, days: Sequence[str], deadline: Deadline) -> list[Ledger]:
        """The existing ledgers of those days, for at most 100 days."""
        if len(days) == 1:
            reply = self._call("GetItem", self._at(ledger_key(key, days[0])), deadline)
            return [ledger_of(key, days[0], reply["Item"])] if reply.get("Item") else []
        wanted = {ledger_key(key, day): day for day in days}
        request: dict[str, Any] = {self._table: {"Keys": [{"pk": {"S": pk}} for pk in wanted]}}
        items: dict[str, Any] = {}
        while request:
            reply = self._call("BatchGetItem", {"RequestItems": request}, deadline)
            rows = (reply.get("Responses") or {}).get(self._table)
            for item in rows if isinstance(rows, list) else ():
                pk = only(item.get("pk"), "S") if isinstance(item, dict) else None
                if isinstance(pk, str):
                    items[pk] = item
            request = reply.get("UnprocessedKeys") or {}
        return [ledger_of(key, day, items[pk]) for pk, day in wanted.items() if pk in items]


def _spent(outcome: Outcome) -> Change:
    change = Change()
    change.add(**{f"outcome_{outcome.kind}": 1})
    if outcome.cost_usd:
        change.add(spent_usd=outcome.cost_usd)
    if outcome.calls and outcome.cost_usd is None:
        change.add(unpriced=outcome.calls)
    return change


def _committed(reservation: Reservation, limits: Limits) -> dict[str, Change]:
    """Reserve dollars in the ledgers; empty if the limits are too low in any case."""
    changes: dict[str, Change] = {}
    pairs = ((reservation.total, limits.total_usd), (reservation.key, limits.own_usd))
    for key, limit in pairs:
        changes[ledger_key(key, reservation.day)] = change = Change()
        change.add(committed_usd=reservation.usd)
        keep(change, reservation.at, LEDGER_SECONDS)
        if limit is None:
            continue
        left = limit - reservation.usd
        if left < 0:
            return {}
        # Spending by older code on this day is in no commitment.
        for name in ("committed_usd", "spent_usd"):
            change.require(change.absent_or(name, "<=", left))
    return changes if _commit_tokens(change, reservation, limits) else {}


def _commit_tokens(change: Change, reservation: Reservation, limits: Limits) -> bool:
    """Reserve tokens in the prefix's ledger; False if the limit is too low in any case."""
    if reservation.tokens:
        change.add(committed_tokens=reservation.tokens)
    if limits.own_tokens is None:
        return True
    left = limits.own_tokens - reservation.tokens
    change.require(change.absent_or("committed_tokens", "<=", left))
    return left >= 0


def _settled(state: State, settlement: Settlement) -> Change:
    """Mark the state's sums as settled, unless another caller has settled them meanwhile."""
    change = Change()
    change.add(settled=1, settled_saves=settlement.saves)
    change.add(settled_saved_usd=settlement.saved_usd, settled_others_usd=settlement.others_usd)
    change.require(change.absent_or("settled", "=", state.money.settled))
    change.require("attribute_exists(pk)")
    return change


def _settlement_entry(settlement: Settlement, at: float) -> Change:
    change = Change()
    change.add(saves=settlement.saves, saved_usd=settlement.saved_usd)
    change.add(others_usd=settlement.others_usd)
    keep(change, at, LEDGER_SECONDS)
    return change
