"""Every interleaving of some starts that want one prefix: none of them makes a third call.

The steps are the product's own: `acquire`, the watch, the extension and the state's operations. The
scheduler is the adversary: at each point it lets any start take its next step, or none of them for
a while, and kills one of them whenever it likes.
"""

from __future__ import annotations

from functools import partial
from itertools import permutations, product
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from prefixwarm.errors import LeaseLostError
from prefixwarm.prefix.compiled import WarmCall
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import Result
from prefixwarm.warm.acquire import acquire
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.lease_time import LeaseExtension, LeaseWatch
from prefixwarm.wire.deadline import Deadline
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.state.model import Lease, LeaseRequest
    from prefixwarm.state.warm_state import State
    from tests.conftest import Tried

T = TypeVar("T")
KEY = "state/anthropic/-/default/support/m/0"
BEGIN = 1_763_700_000.0
HOLD = 3.0
# How long the provider takes for a write, and what it writes.
WRITE, TTL = 0.9, 300
TICK, UNTIL, LIMIT = chosen(dev=(0.6, 1.2, 3000), ci=(0.6, 1.2, 10**9), full=(0.4, 1.2, 10**9))
SOON = Deadline.after(36_000)
WAITING, READ, HOLDING, SENDING, SENT, TOLD, OVER, DEAD = range(8)


@pytest.fixture
def call() -> WarmCall:
    """A small one: it is never sent."""
    body = b'{"max_tokens":0,"ttl":"1h"}'
    return WarmCall(
        name="support",
        route="anthropic",
        model="claude",
        ttl=3600,
        headers={},
        fingerprint="sha256:" + "0" * 64,
        usd_per_mtok={},
        tokens=10_000,
        max_tokens_at=body.index(b"0"),
        ttl_at=[body.index(b"1h")],
        body=body,
    )


def copied(original: T) -> T:
    """As `copy.copy`, in a third of the time: there are hundreds of thousands of branches."""
    copy = object.__new__(type(original))
    vars(copy).update(vars(original))
    return copy


class FullTime(Deadline):
    """A call's deadline that looks the same at any moment, so that states can be compared."""

    def remaining(self) -> float:
        """The hold, and what a call may outlive it."""
        return HOLD + 20.0


class Start:
    """One environment on its way; see the constants for its phases."""

    def __init__(self, name: str, skew: float, world: World) -> None:
        self.name = name
        self.skew = skew
        self.phase = WAITING
        self.watch = LeaseWatch(world.monotonic)
        self.seen: State | None = None
        self.lease: Lease | None = None
        self.extension: LeaseExtension | None = None
        self.sent_at: float | None = None

    def key(self) -> tuple[Any, ...]:
        """What tells it from another at the same moment."""
        held = self.seen.lease if self.seen and self.phase == READ else None
        watched = self.watch._lease and (self.watch._lease.owner, self.watch._since)
        extension = self.extension and (self.extension._taken, self.extension._extended)
        seen = held and (held.owner, held.unsent, held.until, self.seen and self.seen.life)
        return (self.phase, repr(seen), watched, extension, self.sent_at)


class World:
    """The starts, the table and the time; `sends` are the moments of requests."""

    def __init__(self, call: WarmCall, skews: tuple[float, ...]) -> None:
        self.call = call
        self.now = 0.0
        self.store = MemoryState()
        self.sends: tuple[float, ...] = ()
        self.starts = [Start(name, skew, self) for name, skew in zip("abcd", skews, strict=False)]
        self.kills = 1

    def monotonic(self) -> float:
        """Every machine's own seconds: they pass alike."""
        return self.now

    def branch(self) -> World:
        """The same world, to go on in another way."""
        other = copied(self)
        other.store = MemoryState()
        other.store.table.items = dict(self.store.table.items)
        other.starts = [copied(start) for start in self.starts]
        for start in other.starts:
            start.watch = copied(start.watch)
            start.watch._clock = other.monotonic
            if start.extension:
                start.extension = copied(start.extension)
                start.extension._clock, start.extension._store = other.monotonic, other.store
                start.extension._time = partial(other.wall, start)
        return other

    def key(self) -> tuple[Any, ...]:
        """What decides the future."""
        items = repr(sorted(self.store.table.items.items()))
        return (self.now, items, self.sends, self.kills, *(start.key() for start in self.starts))

    def wall(self, start: Start) -> float:
        """What time that start believes it is."""
        return BEGIN + self.now + start.skew

    def step(self, start: Start) -> bool:
        """Let a start do its next thing; false where it has to wait for the provider."""
        if start.phase == WAITING:
            start.seen, start.phase = self.store.read(KEY, SOON), READ
        elif start.phase == READ:
            self._acquire(start)
        elif start.phase == HOLDING:
            self._prepare(start)
        elif start.phase == SENDING:
            start.sent_at, start.phase = self.now, SENT
            self.sends = (*self.sends, self.now)
        elif start.phase == SENT:
            assert start.extension is None or start.extension.progress(sent=True) is None
            start.phase = TOLD
        elif start.phase == TOLD and not self.is_writing(start):
            self._record(start)
        else:
            return False
        return True

    def is_writing(self, start: Start) -> bool:
        """Whether the provider is still at what that start sent."""
        return start.phase == TOLD and self.now < (start.sent_at or 0.0) + WRITE

    def _acquire(self, start: Start) -> None:
        now = self.wall(start)
        ask = CallOptions(key=KEY, owner=f"{start.name}/{len(self.sends)}", needed_until=now + 30)
        state, start.seen = start.seen, None
        attempt = acquire(
            self.call, ask, self.store, FullTime(0.0), lambda: now, state, start.watch
        )
        if attempt.in_flight:
            start.phase = WAITING if self.now < HOLD else OVER
        elif not attempt.granted:
            start.phase = OVER
        else:
            start.phase, start.lease = HOLDING, attempt._lease
            if attempt._extension:
                start.extension = LeaseExtension(
                    attempt._lease,  # type: ignore[arg-type]
                    self.store,
                    FullTime(0.0),
                    partial(self.wall, start),
                    self.now,
                    self.monotonic,
                )

    def _prepare(self, start: Start) -> None:
        """Connected: what the transport asks before the first byte."""
        start.phase = SENDING
        if start.extension:
            try:
                start.extension.progress(sent=False)
            except LeaseLostError:
                start.phase = OVER

    def _record(self, start: Start) -> None:
        assert start.lease
        at = BEGIN + (start.sent_at or 0.0) + start.skew
        result = Result(outcome="written", started=at, ttl=TTL, max_tokens=0, due_at=at)
        self.store.record(start.lease, result, SOON)
        start.phase = OVER


def writes(world: World) -> int:
    """How many of the calls were made before any could have written the entry."""
    return sum(at < world.sends[0] + WRITE for at in world.sends)


def successors(world: World) -> Iterator[World]:
    """Every way in which the world may go on."""
    for number, start in enumerate(world.starts):
        if start.phase in (OVER, DEAD):
            continue
        if not world.is_writing(start):
            other = world.branch()
            other.step(other.starts[number])
            yield other
        if world.kills and start.phase not in (WAITING, READ):
            other = world.branch()
            other.starts[number].phase, other.kills = DEAD, world.kills - 1
            yield other
    if world.now < UNTIL:
        other = world.branch()
        other.now = round(world.now + TICK, 3)
        yield other


@pytest.mark.parametrize("skews", [(0.0, 0.0, 0.0), (5.0, -5.0, 0.0)])
def test_no_schedule_makes_a_third_write(
    call: WarmCall, skews: tuple[float, ...], tried: Tried
) -> None:
    """However slow or late each of them, and the table, is; and whichever dies."""
    first = World(call, skews)
    seen, waiting = {first.key()}, [first]
    while waiting and len(seen) < LIMIT:
        world = waiting.pop()
        for other in successors(world):
            if (key := other.key()) not in seen:
                seen.add(key)
                assert not other.sends or writes(other) <= 2, [vars(s) for s in other.starts]
                waiting.append(other)
    tried(len(seen), "states of three starts under every schedule")


def run(world: World, order: tuple[int, ...], victim: int, kill_phase: int) -> World:
    """Let all of them step as soon as they can; kill one as it comes to a phase."""
    while world.now <= HOLD + 2 * WRITE:
        for number in order:
            start = world.starts[number]
            while start.phase not in (OVER, DEAD):
                if world.kills and number == victim and start.phase == kill_phase:
                    start.phase, world.kills = DEAD, 0
                elif (
                    start.phase == WAITING and start.seen is None and not polls(world, start)
                ) or not world.step(start):
                    break
                if start.phase == WAITING:
                    break
        world.now = round(world.now + 0.1, 3)
    return world


def polls(world: World, start: Start) -> bool:
    """Waiters look again every 0.3 seconds, each at moments of its own."""
    return round(world.now * 10) % 3 == "abcd".index(start.name) % 3 or world.now == 0.0


def test_somebody_writes_within_the_hold_whoever_dies_when(call: WarmCall, tried: Tried) -> None:
    """Before it has sent, too: after a second of silence another one does."""
    phases = (HOLDING, SENDING, SENT, TOLD)
    cases = list(product(permutations(range(3)), range(3), phases))
    for order, victim, phase in cases:
        world = run(World(call, (0.0, 0.0, 0.0)), order, victim, phase)
        assert 1 <= len(world.sends) <= 2, (order, victim, phase)
        assert world.sends[-1] + WRITE <= HOLD, (order, victim, phase)
        # Who dies between sending and saying so looks like one who has not sent.
        twice = phase == SENT and not world.kills
        assert len(world.sends) == 1 + twice, (order, victim, phase)
    tried(len(cases), "kills in fair schedules")


@pytest.mark.parametrize("long_second", [True, False])
def test_a_second_holder_is_not_relieved_as_soon(
    call: WarmCall, monkeypatch: pytest.MonkeyPatch, long_second: bool
) -> None:
    """Were it, a third start could send while two calls are under way."""
    take = MemoryState.take_lease

    def short(store: MemoryState, key: str, wish: LeaseRequest, until: Deadline) -> Any:
        return take(store, key, wish.replace(unsent=True), until)

    if not long_second:
        monkeypatch.setattr(MemoryState, "take_lease", short)
    world = World(call, (0.0, 0.0, 0.0))
    for start in world.starts:
        for _ in ("reads", "asks", "reads again", "asks again"):
            if start.phase in (WAITING, READ):
                world.step(start)
            if start.phase == WAITING:
                world.now += 1.2
    phases = [start.phase for start in world.starts]
    assert phases == [HOLDING, HOLDING, WAITING if long_second else HOLDING]
