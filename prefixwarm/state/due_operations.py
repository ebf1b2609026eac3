"""What the keep-warm function decides: what is due, and when again."""

from __future__ import annotations

from prefixwarm.state.changes import DUE_INDEX, DUE_SHARD, keep, set_due
from prefixwarm.state.item import due_states, pause_of
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.update_expression import Change, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.state.model import Check, DueStates, Registration, RoutePause
    from prefixwarm.wire.deadline import Deadline


class DueOperations(TableAccess):
    """List what is due, put it off, pause it, drop it; see `StateStore`."""

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("name", registration.name)
        change.set("object", registration.object)
        change.set("deployed_at", registration.at)
        change.default("due_shard", DUE_SHARD)
        change.default("due_at", registration.due_at)
        keep(change, registration.at)
        self._update(key, change, deadline)

    def record_check(self, key: str, check: Check, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        set_due(change, check.due_at)
        change.set("reason", check.reason)
        keep(change, check.at)
        for name in ("learned", "wanted_ttl", "rewrites", "tripped_until"):
            if getattr(check, name) is not None:
                change.set(name, getattr(check, name))
        if check.idle_refreshes is not None:
            change.set("idle", check.idle_refreshes)
        if check.granted_usd is None:
            self._update(key, change, deadline)
            return
        change.add("init_allowance_usd", check.granted_usd)
        change.set("init_until", check.granted_until)
        self._update_once({key: change}, deadline)

    def hand_on(self, key: str, learned: str, at: float, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("learned", learned)
        keep(change, at)
        self._update(key, change, deadline)

    def read_pause(self, key: str, deadline: Deadline) -> RoutePause:
        """See `StateStore`."""
        return pause_of(key, self._get(key, deadline))

    def pause(self, key: str, pause: RoutePause, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("backoff_until", pause.until)
        change.set("reason", pause.reason)
        keep(change, pause.until)
        change.require(change.absent_or("backoff_until", "<", pause.until))
        self._update_if(key, change, deadline)

    def retire(self, key: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.remove("due_at", "due_shard")
        change.require("attribute_exists(pk)")
        self._update_if(key, change, deadline)

    def due(self, now: float, limit: int, deadline: Deadline) -> DueStates:
        """See `StateStore`."""
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
