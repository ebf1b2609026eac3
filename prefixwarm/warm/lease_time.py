"""How long a lease holds others back: a second until its holder has sent, then its own limit.

A holder that dies before it has sent anything is soon relieved, and one that has sent is not: its
call costs money. Whoever waits measures the second by a clock of its own that nobody sets.
"""

from __future__ import annotations

from time import monotonic

from prefixwarm.errors import LeaseLostError, StateError
from prefixwarm.state.model import Lease
from prefixwarm.state.warm_state import LONGEST_LEASE_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.state.store import WarmStore
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


# What a lease lasts beyond its holder's time: twice what clocks may differ by.
LEASE_MARGIN_SECONDS = 10.0
UNSENT_SECONDS = 1.0
# A holder that has not sent by then asks first whether the lease is still its own.
_SURE_SECONDS = 0.6
_EXTEND_SECONDS = 1.0


def lease_seconds(deadline: Deadline) -> float:
    """How long the lease of a call lasts that has to end by then."""
    return min(deadline.remaining() + LEASE_MARGIN_SECONDS, LONGEST_LEASE_SECONDS)


class LeaseWatch:
    """How long one caller has seen the same holder not send.

    Parameters
    ----------
    clock
        Tells seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lease: Lease | None = None
        self._since = 0.0

    def silent(self, state: State) -> Lease | None:
        """The state's lease, if its holder has been seen for a second to have sent nothing."""
        held = state.lease
        if not held.owner or held.unsent != held.owner:
            self._lease = None
            return None
        lease = Lease(key=state.key, owner=held.owner, token=held.token)
        if lease != self._lease:
            self._lease, self._since = lease, self._clock()
        return lease if self._clock() - self._since >= UNSENT_SECONDS else None


class LeaseExtension:
    """Extends a lease to the limit of its holder's call, once the request is sent.

    Parameters
    ----------
    deadline
        When the call must have ended.
    time
        Tells epoch seconds.
    taken
        When the lease was asked for, by `clock`.
    clock
        Tells seconds that only ever grow.
    """

    def __init__(
        self,
        lease: Lease,
        store: WarmStore,
        deadline: Deadline,
        time: Callable[[], float],
        taken: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._lease = lease
        self._store = store
        self._deadline = deadline
        self._time = time
        self._taken = taken
        self._clock = clock
        self._extended = False

    def progress(self, *, sent: bool) -> None:
        """Note how far the request is: all of it is `sent`, or some is about to be.

        Raises
        ------
        LeaseLostError, StateError
            As `confirm`, where it is late; never when the request is sent.
        """
        if self._extended:
            return
        if not sent:
            if self._clock() - self._taken > _SURE_SECONDS:
                self.confirm()
            return
        self._extended = True
        try:
            self._extend()
        except StateError:
            return

    def confirm(self) -> None:
        """Extend the lease before the request is sent.

        Raises
        ------
        LeaseLostError
            Somebody else has taken the lease over; this request must not be sent.
        StateError
            The table cannot be asked whether somebody has.
        """
        if not self._extended and not self._extend():
            raise LeaseLostError
        self._extended = True

    def _extend(self) -> bool:
        until = self._time() + lease_seconds(self._deadline)
        return self._store.extend_lease(
            self._lease, until, self._deadline.earliest(_EXTEND_SECONDS)
        )
