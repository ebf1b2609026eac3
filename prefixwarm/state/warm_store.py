"""The store of warm states, for code that warms."""

from __future__ import annotations

from prefixwarm.state.changes import keep, set_due
from prefixwarm.state.item import VERSION, state_of
from prefixwarm.state.model import KEEPWARM, LEAST_USD, Failure, shared_key
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.state.update_expression import Change
from prefixwarm.state.warm_state import LONGEST_LEASE_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.state.model import Lease, LeaseRequest, Result
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


_LEASE = ("lease_owner", "lease_until", "lease_unsent")


class WarmStore(TableAccess):
    """A store of warm states in one DynamoDB table; see `TableAccess` for its parameters.

    Every method is atomic. It raises StateError if the store cannot be reached in time, and
    StateItemError if it reads an invalid item. Times are epoch seconds.
    """

    def read(self, key: str, deadline: Deadline) -> State:
        """The state, possibly some milliseconds old; empty if there is none."""
        return state_of(key, self._get(key, deadline))

    def take_lease(self, key: str, request: LeaseRequest, deadline: Deadline) -> tuple[State, bool]:
        """Take the lease for the next warm call; return the state and whether it was taken."""
        ends = request.now + request.seconds
        change = Change(name=request.name, lease_owner=request.owner, lease_until=ends)
        if request.unsent:
            change.set(lease_unsent=request.owner)
        else:
            change.remove("lease_unsent")
        if request.started_at is not None:
            change.set(started_at=request.started_at, idle=0)
        keep(change, request.now)
        change.add(lease_token=1)
        if request.deployment:
            change.set(deployment=request.deployment)
        if request.function:
            change.add_to_set("functions", request.function)
        change.require(_lease_is_free(change, request))
        ended = change.absent_or("backoff_until", "<=", request.now)
        change.require(f"{ended} OR {change.is_other('backoff_of', request.by)}")
        change.require(change.absent_or("warm_until", "<=", request.needed_until))
        change.require(change.absent_or("version", "<=", VERSION))
        try:
            if request.allowance_usd is not None:
                return self._take_both(key, change, request, deadline), True
            return state_of(key, self._update(key, change, deadline, returned="ALL_NEW")), True
        except ConditionFailed as failed:
            state = state_of(key, failed.item) if failed.item else self.read(key, deadline)
            return state, state.lease.owner == request.owner and state.leased(request.now)

    def _take_both(
        self, key: str, change: Change, request: LeaseRequest, deadline: Deadline
    ) -> State:
        """Take the lease and the dollars, or neither; return the resulting state."""
        change.set(init_at=request.now)
        change.add(init_spent_usd=request.allowance_usd or 0.0)
        self._update_once({key: change, shared_key(key): _taken(request)}, deadline)
        return state_of(key, self._get(key, deadline, consistent=True))

    def extend_lease(self, lease: Lease, until: float, deadline: Deadline) -> bool:
        """Extend the lease, because its holder has sent its request.

        Returns False if the lease was no longer held.
        """
        change = Change(lease_until=until)
        change.remove("lease_unsent")
        _require_holder(change, lease)
        return self._update_if(lease.key, change, deadline)

    def record(self, lease: Lease, result: Result, deadline: Deadline) -> None:
        """Record a successful warm call and release the lease.

        A holder that has lost its lease may still raise `warm_until` but not lower it, and does not
        change the new holder's lease.
        """
        for raises in (True, False):
            change = _record_as_holder(result, raises=raises)
            if self._update_as_holder(lease, change, deadline):
                self._return_dollars(lease.key, _not_spent(result), deadline)
                return
        self.record_without_lease(lease.key, result, deadline)

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> None:
        """Record a failed warm call and its back-off, and release the lease."""
        change = Change(outcome=failure.outcome, outcome_at=failure.at, reason=failure.reason)
        change.set(backoff_until=failure.backoff_until)
        if failure.own_fault:
            change.set(backoff_of=failure.by)
        else:
            change.remove("backoff_of")
        change.add(failures=1)
        _add_spending(change, failure)
        change.remove(*_LEASE)
        change.require(change.compare("lease_until", ">=", failure.at))
        if self._update_as_holder(lease, change, deadline):
            self._return_dollars(lease.key, _not_spent(failure), deadline)
        else:
            self.record_without_lease(lease.key, failure, deadline)

    def give_back(self, lease: Lease, usd: float, deadline: Deadline) -> None:
        """Release the lease and return the dollars taken with it: the call is not made."""
        change = Change()
        change.remove(*_LEASE)
        if self._update_as_holder(lease, change, deadline):
            self._return_dollars(lease.key, usd, deadline)

    def record_without_lease(self, key: str, made: Result | Failure, deadline: Deadline) -> None:
        """Record a warm call made without a lease: its cost and the entry's life.

        Leases, back-offs and checks do not change.
        """
        spent = _spending(made)
        raised = False
        if not isinstance(made, Failure):
            raised = self._update_once_if({key: _raised(made)}, deadline)
        # If the entry lives longer than this call made it live, at least count the money.
        if not raised and not spent.empty:
            self._update_once({key: spent}, deadline)
        self._return_dollars(key, _not_spent(made), deadline)

    def add_function(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """Note that this function sends the prefix.

        `started`: when it started for a waiting request, which ends the silence.
        """
        change = Change()
        change.add_to_set("functions", function)
        if started is not None:
            change.set(started_at=started, idle=0)
            keep(change, started)
        self._update(key, change, deadline)

    def _return_dollars(self, key: str, usd: float, deadline: Deadline) -> None:
        """Return what was taken from the allowance in excess, or take what was short."""
        if abs(usd) < LEAST_USD:
            return
        own, shared = Change(), Change()
        shared.add(init_allowance_usd=usd)
        for change in (own, shared):
            change.add(init_spent_usd=-usd)
        self._update_once({key: own, shared_key(key): shared}, deadline)

    def _update_as_holder(self, lease: Lease, change: Change, deadline: Deadline) -> bool:
        """Update if the lease is still held; also True if this was done already.

        A request is retried if its reply was lost, and must not count twice.
        """
        _require_holder(change, lease)
        try:
            self._update(lease.key, change, deadline)
        except ConditionFailed as failed:
            return _gave_back(lease, failed.item)
        return True


def _lease_is_free(change: Change, request: LeaseRequest) -> str:
    """The condition that the lease is free: it has ended, or its end is implausibly late."""
    free = change.absent_or("lease_until", "<=", request.now)
    latest = request.now + LONGEST_LEASE_SECONDS
    free = f"{free} OR {change.compare('lease_until', '>', latest)}"
    if request.silent is None:
        return free
    silent = (
        change.compare("lease_token", "=", request.silent.token),
        change.compare("lease_owner", "=", request.silent.owner),
        change.compare("lease_unsent", "=", request.silent.owner),
    )
    return f"{free} OR ({' AND '.join(silent)})"


def _require_holder(change: Change, lease: Lease) -> None:
    change.require(change.compare("lease_token", "=", lease.token))
    change.require(change.compare("lease_owner", "=", lease.owner))


def _taken(request: LeaseRequest) -> Change:
    """Take dollars from the allowance, or from a new week's allowance."""
    usd = request.allowance_usd or 0.0
    change = Change(init_write_usd=usd)
    change.add(init_spent_usd=usd)
    keep(change, request.now)
    if request.week_usd is None:
        change.add(init_allowance_usd=-usd)
        change.require(change.compare("init_allowance_usd", ">=", usd))
        return change
    change.set(init_allowance_usd=request.week_usd - usd, init_until=request.week_ends)
    change.require(change.absent_or("init_until", "<=", request.now))
    return change


def _not_spent(made: Result | Failure) -> float:
    """The unspent part of the dollars taken for a call; 0 if unknown."""
    if made.allowance_usd is None or made.cost_usd is None:
        return 0.0
    return made.allowance_usd - made.cost_usd


def _record_as_holder(result: Result, *, raises: bool) -> Change:
    change = Change()
    if raises:
        _set_life(change, result)
        change.require(change.absent_or("warm_until", "<=", result.warm_until))
    _set_outcome(change, result)
    change.set(failures=0)
    change.remove(*_LEASE, "backoff_until", "backoff_of")
    return change


def _raised(result: Result) -> Change:
    change = Change()
    _set_life(change, result)
    _add_spending(change, result)
    change.require(change.absent_or("warm_until", "<", result.warm_until))
    return change


def _set_life(change: Change, result: Result) -> None:
    change.set(warm_until=result.warm_until, last_touch=result.started, granted_ttl=result.ttl)
    set_due(change, result.due_at)


def _set_outcome(change: Change, result: Result) -> None:
    change.set(outcome=result.outcome, outcome_at=result.started, reason=result.reason)
    change.set(max_tokens=result.max_tokens, message_id=result.message_id)
    if result.idle_refreshes == 0:
        change.set(idle=0)
    elif result.idle_refreshes:
        change.add(idle=result.idle_refreshes)
    for name in ("longest_ttl", "tokens", "write_ms", "read_ms"):
        if getattr(result, name) is not None:
            change.set(**{name: getattr(result, name)})
    _add_spending(change, result)


def _add_spending(change: Change, made: Result | Failure) -> None:
    if made.calls:
        change.add(calls=made.calls)
        if made.cost_usd is None:
            change.add(unpriced=made.calls)
    if made.cost_usd:
        change.add(spent_usd=made.cost_usd)
        if made.by == KEEPWARM:
            change.add(kept_usd=made.cost_usd)


def _spending(made: Result | Failure) -> Change:
    change = Change()
    _add_spending(change, made)
    return change


def _gave_back(lease: Lease, item: Mapping[str, Any]) -> bool:
    """Whether this holder's call is recorded: nobody else could have ended its lease."""
    return "lease_owner" not in item and state_of(lease.key, item).lease.token == lease.token
