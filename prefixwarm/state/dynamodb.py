"""The warm state in DynamoDB.

Each operation is defined once, as the parameters of one request of DynamoDB's API, and may be
sent again after any answer: a condition or a token keeps it from counting twice.
"""

from __future__ import annotations

import os

from prefixwarm.state.item import VERSION, due_states, ledger_key, ledger_of, state_of
from prefixwarm.state.model import KEEP_SECONDS, KEEPWARM, LEDGER_SECONDS, OBSERVED, Settlement
from prefixwarm.state.table_call import ConditionFailed, persistent
from prefixwarm.state.update_expression import Change, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from prefixwarm.state.model import (
        Check,
        Drift,
        DueStates,
        Failure,
        Lease,
        LeaseWish,
        Ledger,
        Registration,
        Result,
        SessionStart,
        State,
    )
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.table_call import DynamoCall
    from prefixwarm.wire.deadline import Deadline


DUE_INDEX = "due"
DUE_SHARD = "0"


class DynamoState:
    """A `StateStore` on one DynamoDB table.

    Parameters
    ----------
    table
        Table with the partition key ``pk`` and the index ``due`` (``due_shard``, ``due_at``).
    call
        Sends one operation's parameters.
    """

    def __init__(self, table: str, call: DynamoCall) -> None:
        self._table = table
        self._call = persistent(call)

    def read(self, key: str, deadline: Deadline) -> State:
        """See `StateStore`."""
        reply = self._call("GetItem", {**self._at(key), "ConsistentRead": False}, deadline)
        return state_of(key, reply.get("Item") or {})

    def take_lease(self, key: str, wish: LeaseWish, deadline: Deadline) -> tuple[State, bool]:
        """See `StateStore`."""
        change = Change()
        change.set("name", wish.name)
        change.set("lease_owner", wish.owner)
        change.set("lease_until", wish.now + wish.seconds)
        _keep(change, wish.now)
        change.add("lease_token", 1)
        if wish.deployment:
            change.set("deployment", wish.deployment)
        if wish.function:
            change.join("functions", wish.function)
        change.require(change.absent_or("lease_until", "<=", wish.now))
        ended = change.absent_or("backoff_until", "<=", wish.now)
        change.require(f"{ended} OR {change.is_other('backoff_of', wish.by)}")
        change.require(change.absent_or("warm_until", "<=", wish.needed_until))
        change.require(change.absent_or("version", "<=", VERSION))
        try:
            return state_of(key, self._update(key, change, deadline, returned="ALL_NEW")), True
        except ConditionFailed as failed:
            found = state_of(key, failed.item) if failed.item else self.read(key, deadline)
            return found, found.lease_owner == wish.owner and found.leased(wish.now)

    def record(self, lease: Lease, result: Result, deadline: Deadline) -> None:
        """See `StateStore`."""
        for raises in (True, False):
            change = _record_as_holder(result, raises=raises)
            if self._update_as_holder(lease, change, deadline):
                return
        self._update_or(lease.key, _raised(result), _spending(result), deadline)

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("outcome", failure.outcome)
        change.set("outcome_at", failure.at)
        change.set("reason", failure.reason)
        change.set("backoff_until", failure.backoff_until)
        if failure.own_fault:
            change.set("backoff_of", failure.by)
        else:
            change.remove("backoff_of")
        change.add("failures", 1)
        _add_spending(change, failure)
        change.remove("lease_owner", "lease_until")
        change.require(change.compare("lease_until", ">=", failure.at))
        spent = _spending(failure)
        if not (self._update_as_holder(lease, change, deadline) or spent.empty):
            self._update_once({lease.key: spent}, deadline)

    def touch(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("warm_until", started + ttl)
        change.set("last_touch", started)
        change.set("granted_ttl", ttl)
        change.set("matched_at", started)
        _end_silence(change, started, OBSERVED)
        change.require(change.absent_or("warm_until", "<", started + ttl))
        try:
            self._update(key, change, deadline)
        except ConditionFailed:
            self._update_if(key, _matched(started), deadline)

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        _end_silence(change, start.at, OBSERVED)
        change.add("starts", 1)
        change.add("start_hits", int(start.hit))
        change.add("saves", int(start.saved))
        change.add("saved_usd", start.saved_usd or 0.0)
        change.require(change.absent_or("traffic_at", "<", start.at - start.quiet))
        self._update_if(key, change, deadline)

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("drift_tier", drift.tier)
        change.set("drift_place", drift.place)
        change.set("drift_at", drift.at)
        _keep(change, drift.at)
        change.require(change.absent_or("drift_at", "<", drift.at))
        self._update_if(key, change, deadline)

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        _end_silence(change, at, by)
        change.require(change.absent_or("traffic_at", "<", at))
        self._update_if(key, change, deadline)

    def join(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """See `StateStore`."""
        change = Change()
        change.join("functions", function)
        if started is not None:
            change.set("started_at", started)
            change.set("idle", 0)
            _keep(change, started)
        self._update(key, change, deadline)

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("name", registration.name)
        change.set("object", registration.object)
        change.set("deployed_at", registration.at)
        change.default("due_shard", DUE_SHARD)
        change.default("due_at", registration.due_at)
        _keep(change, registration.at)
        self._update(key, change, deadline)

    def plan(self, key: str, check: Check, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        _set_due(change, check.due_at)
        change.set("reason", check.reason)
        _keep(change, check.at)
        for name in ("idle", "learned", "wanted_ttl", "rewrites", "tripped_until"):
            if getattr(check, name) is not None:
                change.set(name, getattr(check, name))
        self._update(key, change, deadline)

    def pause(self, key: str, until: float, reason: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.set("backoff_until", until)
        change.set("reason", reason)
        _keep(change, until)
        change.require(change.absent_or("backoff_until", "<", until))
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
        found: list[Any] = []
        while len(found) < limit:
            reply = self._call("Query", parameters, deadline)
            found += reply.get("Items", ())
            if not reply.get("LastEvaluatedKey"):
                break
            parameters["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
        return due_states(found[:limit])

    def add_to_ledger(self, key: str, day: str, outcome: Outcome, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        change.add(f"outcome_{outcome.kind}", 1)
        if outcome.cost_usd:
            change.add("spent_usd", outcome.cost_usd)
        if outcome.calls and outcome.cost_usd is None:
            change.add("unpriced", outcome.calls)
        _keep(change, outcome.started_at, LEDGER_SECONDS)
        self._update_once({ledger_key(key, day): change}, deadline)

    def settle(
        self, state: State, total: str, day: str, at: float, deadline: Deadline
    ) -> Settlement | None:
        """See `StateStore`."""
        found = Settlement.of(state)
        if found is None:
            return None
        changes = {state.key: _settled(state, found)}
        for key in (state.key, total):
            changes[ledger_key(key, day)] = _brought(found, at)
        try:
            self._update_once(changes, deadline)
        except ConditionFailed:
            return None
        return found

    def ledger(self, key: str, days: Sequence[str], deadline: Deadline) -> list[Ledger]:
        """See `StateStore`."""
        if len(days) == 1:
            reply = self._call("GetItem", self._at(ledger_key(key, days[0])), deadline)
            return [ledger_of(key, days[0], reply["Item"])] if reply.get("Item") else []
        wanted = {ledger_key(key, day): day for day in days}
        asked: dict[str, Any] = {self._table: {"Keys": [{"pk": {"S": pk}} for pk in wanted]}}
        found: dict[str, Any] = {}
        while asked:
            reply = self._call("BatchGetItem", {"RequestItems": asked}, deadline)
            items = reply.get("Responses", {}).get(self._table, ())
            found |= {item["pk"]["S"]: item for item in items}
            asked = reply.get("UnprocessedKeys") or {}
        return [ledger_of(key, day, found[pk]) for pk, day in wanted.items() if pk in found]

    def _at(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"pk": {"S": key}}}

    def _update(
        self, key: str, change: Change, deadline: Deadline, returned: str = "NONE"
    ) -> Mapping[str, Any]:
        change.default("version", VERSION)
        parameters = {**self._at(key), **change.parameters(), "ReturnValues": returned}
        return self._call("UpdateItem", parameters, deadline).get("Attributes") or {}

    def _update_once(self, changes: Mapping[str, Change], deadline: Deadline) -> None:
        """Update all of these items or none, and once, however often the request is sent.

        It needs no permission but UpdateItem's:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        """
        for change in changes.values():
            change.default("version", VERSION)
        updates = [
            {"Update": {**self._at(key), **change.parameters()}} for key, change in changes.items()
        ]
        parameters = {"TransactItems": updates, "ClientRequestToken": os.urandom(16).hex()}
        self._call("TransactWriteItems", parameters, deadline)

    def _update_as_holder(self, lease: Lease, change: Change, deadline: Deadline) -> bool:
        """Update if the lease is still held; true, too, where that was done already.

        A request is sent again when its reply was lost, and must not count twice.
        """
        change.require(change.compare("lease_token", "=", lease.token))
        change.require(change.compare("lease_owner", "=", lease.owner))
        try:
            self._update(lease.key, change, deadline)
        except ConditionFailed as failed:
            return _gave_back(lease, failed.item)
        return True

    def _update_or(self, key: str, change: Change, otherwise: Change, deadline: Deadline) -> None:
        """Update; where the condition does not hold, count at least the money."""
        try:
            self._update_once({key: change}, deadline)
        except ConditionFailed:
            if not otherwise.empty:
                self._update_once({key: otherwise}, deadline)

    def _update_if(self, key: str, change: Change, deadline: Deadline) -> None:
        """Update unless the condition says that there is nothing to do."""
        try:
            self._update(key, change, deadline)
        except ConditionFailed:
            return


def _record_as_holder(result: Result, *, raises: bool) -> Change:
    change = Change()
    if raises:
        _set_life(change, result)
        change.require(change.absent_or("warm_until", "<=", result.warm_until))
    _set_outcome(change, result)
    change.set("failures", 0)
    change.remove("lease_owner", "lease_until", "backoff_until", "backoff_of")
    return change


def _raised(result: Result) -> Change:
    change = Change()
    _set_life(change, result)
    _add_spending(change, result)
    change.require(change.absent_or("warm_until", "<", result.warm_until))
    return change


def _matched(at: float) -> Change:
    change = Change()
    change.set("matched_at", at)
    _end_silence(change, at, OBSERVED)
    # A session start that was just counted has set the same time.
    change.require(change.absent_or("traffic_at", "<=", at))
    return change


def _end_silence(change: Change, at: float, by: str) -> None:
    change.set("traffic_at", at)
    change.set("traffic_by", by)
    change.set("idle", 0)
    _keep(change, at)


def _keep(change: Change, at: float, seconds: int = KEEP_SECONDS) -> None:
    """Let the table forget the item when nothing has happened to it for so long."""
    change.set("expires_at", int(at + seconds))


def _set_life(change: Change, result: Result) -> None:
    change.set("warm_until", result.warm_until)
    change.set("last_touch", result.started)
    change.set("granted_ttl", result.ttl)
    _set_due(change, result.due_at)


def _set_due(change: Change, at: float) -> None:
    change.set("due_shard", DUE_SHARD)
    change.set("due_at", at)


def _set_outcome(change: Change, result: Result) -> None:
    change.set("outcome", result.outcome)
    change.set("outcome_at", result.started)
    change.set("reason", result.reason)
    change.set("max_tokens", result.max_tokens)
    change.set("message_id", result.message_id)
    if result.idle == 0:
        change.set("idle", 0)
    elif result.idle:
        change.add("idle", result.idle)
    for name in ("longest_ttl", "write_ms", "read_ms"):
        if getattr(result, name) is not None:
            change.set(name, getattr(result, name))
    _add_spending(change, result)


def _add_spending(change: Change, made: Result | Failure) -> None:
    if made.calls:
        change.add("calls", made.calls)
        if made.cost_usd is None:
            change.add("unpriced", made.calls)
    if made.cost_usd:
        change.add("spent_usd", made.cost_usd)
        if made.by == KEEPWARM:
            change.add("kept_usd", made.cost_usd)


def _spending(made: Result | Failure) -> Change:
    change = Change()
    _add_spending(change, made)
    return change


def _settled(state: State, found: Settlement) -> Change:
    """The state's sums are in the ledgers, unless somebody else brought them there meanwhile."""
    change = Change()
    change.add("settled", 1)
    change.add("settled_saves", found.saves)
    change.add("settled_saved_usd", found.saved_usd)
    change.add("settled_others_usd", found.others_usd)
    change.require(change.absent_or("settled", "=", state.settled))
    change.require("attribute_exists(pk)")
    return change


def _brought(found: Settlement, at: float) -> Change:
    change = Change()
    change.add("others_usd", found.others_usd)
    change.add("saves", found.saves)
    change.add("saved_usd", found.saved_usd)
    _keep(change, at, LEDGER_SECONDS)
    return change


def _gave_back(lease: Lease, item: Mapping[str, Any]) -> bool:
    """Whether this holder's call is recorded: nobody else can have ended its lease."""
    return "lease_owner" not in item and state_of(lease.key, item).lease_token == lease.token
