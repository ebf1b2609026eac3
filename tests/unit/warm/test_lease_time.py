"""How long a lease holds others back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import LeaseLostError, StateError
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import Lease, LeaseRequest
from prefixwarm.warm.lease_time import LeaseExtension, LeaseWatch, lease_seconds
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.state.warm_state import State

KEY = "state/anthropic/-/default/support/m/0"
NOW = 1_763_700_000.0
SOON = Deadline.after(3600)


class Away(MemoryState):
    """A table that cannot be reached for what a holder has to say."""

    def extend_lease(self, *_arguments: object) -> bool:
        """See `StateStore`."""
        raise StateError("the table cannot be reached")


class Clock:
    """Seconds as the test sets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def take(store: MemoryState, owner: str = "a", **changes: object) -> tuple[State, Lease]:
    """A lease whose holder has not sent."""
    wish = LeaseRequest(
        name="support", owner=owner, now=NOW, seconds=11, needed_until=NOW, unsent=True
    ).replace(**changes)
    state, taken = store.take_lease(KEY, wish, SOON)
    assert taken
    return state, Lease(key=KEY, owner=owner, token=state.lease.token)


def extension(store: MemoryState, lease: Lease, clock: Clock) -> LeaseExtension:
    """Of a call that has 23 seconds."""
    return LeaseExtension(lease, store, Deadline.after(23), lambda: NOW + clock.now, 0.0, clock)


def test_the_watch_counts_one_holders_silence() -> None:
    """It begins anew with another holder, and ends when the holder has sent."""
    store, clock = MemoryState(), Clock()
    state, lease = take(store)
    watch = LeaseWatch(clock)
    for now, silent in ((0.0, None), (0.9, None), (1.0, lease), (5.0, lease)):
        clock.now = now
        assert watch.silent(state) == silent
    other, second = take(store, "b", silent=lease, unsent=True)
    assert watch.silent(other) is None
    clock.now = 6.0
    assert watch.silent(other) == second
    store.extend_lease(second, NOW + 33, SOON)
    assert watch.silent(store.read(KEY, SOON)) is None


def test_a_wrong_wall_clock_changes_nothing() -> None:
    """Whatever the holder thinks what time it is, a second is a second."""
    for ahead in (-600.0, 600.0):
        clock, watch = Clock(), LeaseWatch()
        watch = LeaseWatch(clock)
        state, lease = take(MemoryState(), now=NOW + ahead)
        assert watch.silent(state) is None
        clock.now = 1.0
        assert watch.silent(state) == lease


def test_in_time_the_lease_is_extended_when_the_request_is_sent() -> None:
    """Once, to the limit of the call and the margin for clocks."""
    store, clock = MemoryState(), Clock()
    _, lease = take(store)
    extended = extension(store, lease, clock)
    extended.progress(sent=False)
    assert store.read(KEY, SOON).lease.unsent == "a"
    clock.now = 0.4
    extended.progress(sent=True)
    held = store.read(KEY, SOON).lease
    assert held.unsent == ""
    assert held.until == pytest.approx(NOW + 0.4 + 33, abs=1)
    store.extend_lease(lease, NOW + 50, SOON)
    extended.progress(sent=True)
    assert store.read(KEY, SOON).lease.until == NOW + 50


def test_a_late_holder_asks_before_it_sends() -> None:
    """And does not send where somebody has taken the lease over, or nobody can say."""
    store, clock = MemoryState(), Clock()
    _, lease = take(store)
    late, lost = extension(store, lease, clock), extension(store, lease, clock)
    clock.now = 0.7
    late.progress(sent=False)
    assert store.read(KEY, SOON).lease.unsent == ""
    other = MemoryState()
    _, lease = take(other)
    lost = extension(other, lease, clock)
    take(other, "b", silent=lease)
    with pytest.raises(LeaseLostError):
        lost.progress(sent=False)
    away = Away()
    _, lease = take(away)
    with pytest.raises(StateError):
        extension(away, lease, clock).progress(sent=False)


def test_what_is_sent_is_sent() -> None:
    """Neither a lost lease nor a table that is away ends a call that is under way."""
    away, clock = Away(), Clock()
    _, lease = take(away)
    extension(away, lease, clock).progress(sent=True)
    store = MemoryState()
    _, lease = take(store)
    take(store, "b", silent=lease)
    extension(store, lease, clock).progress(sent=True)
    assert store.read(KEY, SOON).lease.owner == "b"


def test_a_lease_has_an_end() -> None:
    """However long a caller would wait for its call."""
    assert lease_seconds(Deadline.after(23)) == pytest.approx(33, abs=1)
    assert lease_seconds(Deadline.after(10_000)) == 120
