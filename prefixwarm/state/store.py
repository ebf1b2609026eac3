"""The store of warm states: every operation that a caller may ask for, by who asks.

Only types: at run time nothing needs this module, and the init phase does not load it.
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
    """What whoever warms or observes asks of the place where warm states live.

    Every method is atomic and raises StateError when the store cannot be reached in time, and
    StateItemError when it reads an item that it cannot understand. Times are epoch seconds.
    """

    def now(self) -> float:
        """The time that all callers share, in epoch seconds: the table's, as it last replied."""

    def read(self, key: str, deadline: Deadline) -> State:
        """The state as last seen (possibly some milliseconds old); empty when unknown."""

    def take_lease(self, key: str, request: LeaseRequest, deadline: Deadline) -> tuple[State, bool]:
        """Take the right to make the next warm call; the state, and whether it was taken."""

    def extend_lease(self, lease: Lease, until: float, deadline: Deadline) -> bool:
        """Let the lease last until then: its holder has sent its request.

        Returns whether the lease was still held.
        """

    def record(self, lease: Lease, result: Result, deadline: Deadline) -> None:
        """Record a warm call that worked, and give the lease back.

        A holder whose lease has passed on may still raise `warm_until`, never lower it, and
        never touches the other holder's lease.
        """

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> None:
        """Record a warm call that failed, with its back-off, and give the lease back."""

    def give_back(self, lease: Lease, usd: float, deadline: Deadline) -> None:
        """Give the lease back, and what was taken with it (US dollars): its call is not made."""

    def record_without_lease(self, key: str, made: Result | Failure, deadline: Deadline) -> None:
        """Record a warm call that was made without a lease: its money, and the life it gave.

        Nobody's lease, back-off or check changes.
        """

    def record_use(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """A real request read or wrote the entry: raise `warm_until`, end the silence.

        It outdates an earlier drift.
        """

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """Count the first request after a silence, once."""

    def note_observer(self, key: str, at: float, deadline: Deadline) -> None:
        """An agent observes its requests: all versions of the prefix are accounted for by that.

        The keep-warm function looks at the prefix at its next tick.
        """

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """A real request was not what is warmed; an older word about that changes nothing."""

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """A sign of real traffic, by what it was seen: end the silence; `warm_until` stays."""

    def report(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """Note what a process saw of a prefix's requests, once; `state` as it was last read."""

    def add_function(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """Note that this function sends the prefix.

        `started`: when it started for a waiting request, which ends the silence.
        """


class StateStore(WarmStore, Protocol):
    """The same with what keeps prefixes warm and accounts for it."""

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """Note that the prefix is deployed; it is due then, unless its next check is known."""

    def record_check(self, key: str, check: Check, deadline: Deadline) -> None:
        """Note the keep-warm function's decision and the time of its next check."""

    def note_account(self, key: str, account: Account, deadline: Deadline) -> None:
        """Note what is of all versions of a prefix; nothing where this is not the present one."""

    def hand_over(self, hand_over: HandOver, deadline: Deadline) -> bool:
        """Make a version of a prefix the present one; whether the old one still was."""

    def read_pause(self, key: str, deadline: Deadline) -> RoutePause:
        """The pause of a route, as last seen; over long ago where there is none."""

    def pause(self, key: str, pause: RoutePause, deadline: Deadline) -> None:
        """Pause a route; a longer pause stays."""

    def retire(self, key: str, deadline: Deadline) -> None:
        """No longer list this prefix as due."""

    def due(self, now: float, limit: int, deadline: Deadline) -> DueStates:
        """States whose next check is due, the longest waiting first, and unreadable items."""

    def reserve(self, reservation: Reservation, limits: Limits, deadline: Deadline) -> bool:
        """Set dollars aside in the day's ledgers of the prefix and of all, by one transaction.

        Returns whether both limits allow that; nothing is set aside where one does not.
        """

    def spend(self, reservation: Reservation, outcome: Outcome, deadline: Deadline) -> None:
        """Put what a call cost in the place of its reservation, in both ledgers.

        Where the cost is unknown the reservation stays, and counts as spent.
        """

    def adjust(self, reservation: Reservation, usd: float, tokens: int, deadline: Deadline) -> None:
        """Put what a call cost in the place of its reservation, and count nothing else of it."""

    def settle(
        self, state: State, total: str, day: str, at: float, deadline: Deadline
    ) -> Settlement | None:
        """Bring what others spent and what was saved into the day's ledgers, once.

        Into the prefix's own and that of `total`; None when there was nothing to settle, or
        somebody else has settled since `state` was read.
        """

    def ledger(self, key: str, days: Sequence[str], deadline: Deadline) -> list[Ledger]:
        """The ledgers of those days that there are; of 100 days at most."""
