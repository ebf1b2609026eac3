"""Lease durations: one second until the holder has sent its request, then the call's limit.

A holder that dies before sending is replaced quickly; one that has sent is not, because its call
costs money. A waiting caller measures the second on its own monotonic clock.
"""

from __future__ import annotations

from time import monotonic

from prefixwarm.errors import LeaseLostError, StateError
from prefixwarm.state.model import Lease
from prefixwarm.state.warm_state import LONGEST_LEASE_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.state.warm_state import State
    from prefixwarm.state.warm_store import WarmStore
    from prefixwarm.wire.deadline import Deadline


# How long a lease outlasts its holder's time: twice the allowed clock difference.
LEASE_MARGIN_SECONDS = 10.0
UNSENT_SECONDS = 1.0
# A holder that has not sent by then must first check that it still holds the lease.
_SURE_SECONDS = 0.6
_EXTEND_SECONDS = 1.0


def lease_seconds(deadline: Deadline) -> float:
    """Return the lease duration, in seconds, of a call with this deadline."""
    return min(deadline.remaining() + LEASE_MARGIN_SECONDS, LONGEST_LEASE_SECONDS)


class LeaseWatch:
    """Tracks how long one caller has seen a holder not send.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lease: Lease | None = None
        self._since = 0.0

    def silent(self, state: State) -> Lease | None:
        """The state's lease, if its holder has sent nothing for a second."""
        held = state.lease
        if not held.owner or held.unsent != held.owner:
            self._lease = None
            return None
        lease = Lease(key=state.key, owner=held.owner, token=held.token)
        if lease != self._lease:
            self._lease, self._since = lease, self._clock()
        return lease if self._clock() - self._since >= UNSENT_SECONDS else None


class LeaseExtension:
    """Extends a lease to the limit of the call once its request is sent.

    Parameters
    ----------
    deadline
        When the call must have ended.
    time
        Returns epoch seconds.
    taken
        When the lease was requested, on `clock`.
    clock
        A monotonic clock, in seconds.
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
        """Follow the sending: the request is `sent`, or about to be.

        Raises
        ------
        LeaseLostError, StateError
            As in `confirm`, if it is late; never once the request is sent.
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
            Another caller has taken over the lease; this request must not be sent.
        StateError
            The table cannot be reached to check.
        """
        if not self._extended and not self._extend():
            raise LeaseLostError
        self._extended = True

    def _extend(self) -> bool:
        until = self._time() + lease_seconds(self._deadline)
        return self._store.extend_lease(
            self._lease, until, self._deadline.earliest(_EXTEND_SECONDS)
        )
