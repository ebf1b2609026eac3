"""The protocols of a store of warm states: every operation, grouped by caller.

Only types; nothing loads this module at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.state.keepwarm_model import (
        Account,
        Check,
        DueStates,
        HandOver,
        Ledger,
        Limits,
        Registration,
        Reservation,
        RoutePause,
        Settlement,
    )
    from prefixwarm.state.model import Drift, Failure, Lease, LeaseRequest, Result, SessionStart
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.traffic_report import TrafficReport
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


class WarmStore(Protocol):
    """A store of warm states, for code that warms or observes.

    Every method is atomic. It raises StateError if the store cannot be reached in time, and
    StateItemError if it reads an invalid item. Times are epoch seconds.
    """

    def now(self) -> float:
        """The time shared by all callers, in epoch seconds: the table's, from its last reply."""

    def read(self, key: str, deadline: Deadline) -> State:
        """The state, possibly some milliseconds old; empty if there is none."""

    def take_lease(self, key: str, request: LeaseRequest, deadline: Deadline) -> tuple[State, bool]:
        """Take the lease for the next warm call; return the state and whether it was taken."""

    def extend_lease(self, lease: Lease, until: float, deadline: Deadline) -> bool:
        """Extend the lease, because its holder has sent its request.

        Returns False if the lease was no longer held.
        """

    def record(self, lease: Lease, result: Result, deadline: Deadline) -> None:
        """Record a successful warm call and release the lease.

        A holder that has lost its lease may still raise `warm_until` but not lower it, and does not
        change the new holder's lease.
        """

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> None:
        """Record a failed warm call and its back-off, and release the lease."""

    def give_back(self, lease: Lease, usd: float, deadline: Deadline) -> None:
        """Release the lease and return the dollars taken with it: the call is not made."""

    def record_without_lease(self, key: str, made: Result | Failure, deadline: Deadline) -> None:
        """Record a warm call made without a lease: its cost and the entry's life.

        Leases, back-offs and checks do not change.
        """

    def record_use(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """Record that a real request used the entry: raise `warm_until` and end the silence.

        This clears an earlier drift.
        """

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """Count the first request after a silence, once."""

    def note_observer(self, key: str, at: float, deadline: Deadline) -> None:
        """Note that an agent observes its requests; applies to all versions of the prefix.

        The keep-warm function checks the prefix at its next tick.
        """

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """Note that a real request differed from the prefix; older drifts are ignored."""

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """Note real traffic and its source `by`: end the silence, leave `warm_until` unchanged."""

    def report(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """Record a process's report of a prefix's requests once; `state` is as last read."""

    def add_function(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """Note that this function sends the prefix.

        `started`: when it started for a waiting request, which ends the silence.
        """


class StateStore(WarmStore, Protocol):
    """A `WarmStore` with the operations of the keep-warm function."""

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """Note that the prefix is deployed; it becomes due unless a check is scheduled."""

    def record_check(self, key: str, check: Check, deadline: Deadline) -> None:
        """Record the keep-warm function's decision and the time of its next check."""

    def note_account(self, key: str, account: Account, deadline: Deadline) -> None:
        """Change the account shared by all versions; no effect unless `key` is the current one."""

    def hand_over(self, hand_over: HandOver, deadline: Deadline) -> bool:
        """Make a version the current one; return False if the old one no longer was."""

    def read_pause(self, key: str, deadline: Deadline) -> RoutePause:
        """The pause of a route, as last seen; if there is none, one that ended long ago."""

    def pause(self, key: str, pause: RoutePause, deadline: Deadline) -> None:
        """Pause a route; a longer pause stays."""

    def retire(self, key: str, deadline: Deadline) -> None:
        """Stop listing this prefix as due."""

    def due(self, now: float, limit: int, deadline: Deadline) -> DueStates:
        """States whose next check is due, longest waiting first, and unreadable items."""

    def reserve(self, reservation: Reservation, limits: Limits, deadline: Deadline) -> bool:
        """Reserve dollars in the day's ledgers of the prefix and the deployment, atomically.

        Returns False, and reserves nothing, if either limit does not allow it.
        """

    def spend(self, reservation: Reservation, outcome: Outcome, deadline: Deadline) -> None:
        """Replace a reservation with what its call cost, in both ledgers.

        If the cost is unknown, the reservation stays and counts as spent.
        """

    def adjust(self, reservation: Reservation, usd: float, tokens: int, deadline: Deadline) -> None:
        """Replace a reservation with what its call cost, without counting the call."""

    def settle(
        self, state: State, total: str, day: str, at: float, deadline: Deadline
    ) -> Settlement | None:
        """Enter other callers' spending and the savings into the day's ledgers, once.

        Enters them in the prefix's ledger and in that of `total`. Returns None if there is nothing
        to settle, or if another caller has settled since `state` was read.
        """

    def ledger(self, key: str, days: Sequence[str], deadline: Deadline) -> list[Ledger]:
        """The existing ledgers of those days, for at most 100 days."""
