"""Operations of the keep-warm function: lists due prefixes and records the next check."""

from __future__ import annotations

from prefixwarm.state.changes import DUE_INDEX, DUE_SHARD, keep, set_due
from prefixwarm.state.keepwarm_items import due_states, pause_of
from prefixwarm.state.model import OBSERVED, shared_key
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.update_expression import Change, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.state.keepwarm_model import (
        Account,
        Check,
        DueStates,
        HandOver,
        Registration,
        RoutePause,
    )
    from prefixwarm.wire.deadline import Deadline


class DueOperations(TableAccess):
    """List due prefixes, reschedule, pause and retire them; errors as in `WarmStore`."""

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """Note that the prefix is deployed; it becomes due unless a check is scheduled."""
        change = Change(
            name=registration.name, object=registration.object, deployed_at=registration.at
        )
        change.default("due_shard", DUE_SHARD)
        change.default("due_at", registration.due_at)
        keep(change, registration.at)
        self._update(key, change, deadline)

    def record_check(self, key: str, check: Check, deadline: Deadline) -> None:
        """Record the keep-warm function's decision and the time of its next check."""
        change = Change(reason=check.reason)
        set_due(change, check.due_at)
        keep(change, check.at)
        for name in ("learned", "wanted_ttl", "rewrites", "tripped_until"):
            if getattr(check, name) is not None:
                change.set(**{name: getattr(check, name)})
        if check.idle_refreshes is not None:
            change.set(idle=check.idle_refreshes)
        self._update(key, change, deadline)

    def note_account(self, key: str, account: Account, deadline: Deadline) -> None:
        """Change the account shared by all versions; no effect unless `key` is the current one."""
        change = Change()
        keep(change, account.at)
        change.require(change.compare("current", "=", key))
        if account.learned is not None:
            change.set(learned=account.learned)
        if account.observed:
            change.set(traffic_by=OBSERVED)
        # If the condition does not hold, a later version has replaced it meanwhile.
        if account.granted_usd is None:
            self._update_if(shared_key(key), change, deadline)
            return
        change.add(init_allowance_usd=account.granted_usd)
        change.set(init_until=account.granted_until)
        self._update_once_if({shared_key(key): change}, deadline)

    def hand_over(self, hand_over: HandOver, deadline: Deadline) -> bool:
        """Make a version the current one; return False if the old one no longer was."""
        change = Change(current=hand_over.new, learned=hand_over.learned)
        changes = {shared_key(hand_over.new): change}
        keep(change, hand_over.at)
        change.add(init_spent_usd=hand_over.init_spent_usd)
        if hand_over.agent_ttl is not None:
            change.set(agent_ttl=hand_over.agent_ttl)
        if hand_over.old:
            change.require(change.compare("current", "=", hand_over.old))
            changes[hand_over.old] = left = Change(learned=hand_over.left)
            keep(left, hand_over.at)
        else:
            change.require("attribute_not_exists(#current)")
        return self._update_once_if(changes, deadline)

    def read_pause(self, key: str, deadline: Deadline) -> RoutePause:
        """The pause of a route, as last seen; if there is none, one that ended long ago."""
        return pause_of(key, self._get(key, deadline))

    def pause(self, key: str, pause: RoutePause, deadline: Deadline) -> None:
        """Pause a route; a longer pause stays."""
        change = Change(backoff_until=pause.until, reason=pause.reason)
        keep(change, pause.until)
        change.require(change.absent_or("backoff_until", "<", pause.until))
        self._update_if(key, change, deadline)

    def retire(self, key: str, deadline: Deadline) -> None:
        """Stop listing this prefix as due."""
        change = Change()
        change.remove("due_at", "due_shard")
        change.require("attribute_exists(pk)")
        self._update_if(key, change, deadline)

    def due(self, now: float, limit: int, deadline: Deadline) -> DueStates:
        """States whose next check is due, longest waiting first, and unreadable items."""
        parameters: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": DUE_INDEX,
            "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
            "ExpressionAttributeValues": {":shard": typed(DUE_SHARD), ":now": typed(now)},
            "Limit": limit,
        }
        items: list[Any] = []
        while len(items) < limit:
            reply = self._call("Query", parameters, deadline)
            items += reply.get("Items", ())
            if not reply.get("LastEvaluatedKey"):
                break
            parameters["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
        return due_states(items[:limit])
