"""Reads and writes single items of one table; the base of all operations."""

from __future__ import annotations

import os
from time import time

from prefixwarm.errors import StateError
from prefixwarm.state.item import VERSION
from prefixwarm.state.table_call import ConditionFailed, persistent, replied_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.state.table_call import DynamoCall
    from prefixwarm.state.update_expression import Change
    from prefixwarm.wire.deadline import Deadline


# Allowance for clock differences and reply times; leases last longer by twice that.
CLOCK_TOLERANCE_SECONDS = 5.0
# AWS refuses requests signed with a clock this far off, so such a reply's time is wrong.
_ABSURD_SECONDS = 86_400.0

NoneType = type(None)
# The fields of a reply that are read.
_SHAPES = {
    "Items": list,
    **dict.fromkeys(("Item", "Attributes", "Responses", "UnprocessedKeys"), dict),
}


class TableAccess:
    """Access to one table.

    Any write may be retried after any answer: a condition or a token keeps it from counting twice.

    Parameters
    ----------
    table
        Table with the partition key ``pk`` and the index ``due`` (``due_shard``, ``due_at``).
    call
        Sends one operation's parameters.
    """

    def __init__(self, table: str, call: DynamoCall) -> None:
        self._table = table
        self._send = persistent(call)
        self._ahead = 0.0

    def now(self) -> float:
        """The time shared by all callers, in epoch seconds: the table's, from its last reply."""
        return time() + self._ahead

    def _call(
        self, operation: str, parameters: dict[str, Any], deadline: Deadline
    ) -> dict[str, Any]:
        reply = self._send(operation, parameters, deadline)
        for name, kind in _SHAPES.items():
            if not isinstance(reply.get(name), (kind, NoneType)):
                raise StateError(f"the table's reply to {operation} is not DynamoDB's: {name}")
        at = replied_at(reply)
        if at is not None:
            ahead = at - time()
            self._ahead = ahead if CLOCK_TOLERANCE_SECONDS < abs(ahead) < _ABSURD_SECONDS else 0.0
        return reply

    def _at(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"pk": {"S": key}}}

    def _get(self, key: str, deadline: Deadline, *, consistent: bool = False) -> object:
        """The item, possibly some milliseconds old unless `consistent`; empty if absent."""
        parameters = {**self._at(key), "ConsistentRead": consistent}
        return self._call("GetItem", parameters, deadline).get("Item") or {}

    def _update(
        self, key: str, change: Change, deadline: Deadline, returned: str = "NONE"
    ) -> Mapping[str, Any]:
        change.default("version", VERSION)
        parameters = {**self._at(key), **change.parameters(), "ReturnValues": returned}
        return self._call("UpdateItem", parameters, deadline).get("Attributes") or {}

    def _update_once(self, changes: Mapping[str, Change], deadline: Deadline) -> None:
        """Update all of these items or none, once, however often the request is sent.

        Needs only the UpdateItem permission:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        """
        for change in changes.values():
            change.default("version", VERSION)
        updates = [
            {"Update": {**self._at(key), **change.parameters()}} for key, change in changes.items()
        ]
        parameters = {"TransactItems": updates, "ClientRequestToken": os.urandom(16).hex()}
        self._call("TransactWriteItems", parameters, deadline)

    def _update_if(self, key: str, change: Change, deadline: Deadline) -> bool:
        """Update if the condition holds; return whether it does."""
        try:
            self._update(key, change, deadline)
        except ConditionFailed:
            return False
        return True

    def _update_once_if(self, changes: Mapping[str, Change], deadline: Deadline) -> bool:
        """Like `_update_once` if all conditions hold; return whether they do."""
        try:
            self._update_once(changes, deadline)
        except ConditionFailed:
            return False
        return True
