"""What a policy costs on given arrivals.

The unit of every cost is one uncached read of the prefix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from prefixwarm.errors import UsageError
from prefixwarm.life import TTL_1H
from prefixwarm.policy import decide as deciding
from prefixwarm.policy.policy import Policy
from prefixwarm.policy.view import Decision, Multipliers, View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


SESSION_GAP = 300.0


class Decider(Protocol):
    """What `replay` needs of a policy that is not named; the two functions of this package."""

    def decide(self, view: View) -> Decision:
        """What to do now."""

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """New counters after real traffic."""


@dataclass(frozen=True)
class Event:
    """One request or warm call of a replay.

    Attributes
    ----------
    at : float
        Seconds.
    kind : str
        ``hit``, ``miss``, ``refresh`` or ``write``; the latter two are warm calls.
    warm_until : float
        Seconds; the entry's end after it.
    """

    at: float
    kind: str
    warm_until: float


@dataclass(frozen=True)
class Replay:
    """A policy's account of one series.

    Attributes
    ----------
    total, excess : float
        All costs; and without the one read that each request costs at least.
    pings : int
        Warm calls, of either kind.
    misses : int
        Requests that found the entry cold, the first included.
    starts, start_hits : int
        Requests more than 300 s after the previous one, and those of them that hit.
    """

    total: float
    excess: float
    pings: int
    misses: int
    starts: int
    start_hits: int

    @property
    def hit_rate(self) -> float | None:
        """Share of session starts that hit; None without any."""
        return self.start_hits / self.starts if self.starts else None


def replay(
    arrivals: Sequence[float],
    end: float,
    policy: str | Policy | Decider,
    *,
    read: float = 0.1,
    write_5m: float = 1.25,
    write_1h: float = 2.0,
    latency: float = 0.0,
    tick: float = 60,
    watch: Callable[[Event], None] | None = None,
) -> Replay:
    """Replay a rule, by name or with limits, or any decider against one prefix's real requests.

    Parameters
    ----------
    arrivals, end : sequence of float, and float
        Starts of the requests, ascending, and the end of the observation; seconds.
    read, write_5m, write_1h, latency : float
        Prices and the waiting for one miss, in units of one uncached read of the prefix.
    tick : float
        Seconds; warm calls fall on its multiples, after a request of the same moment.
    watch : callable, optional
        Called with every request and warm call, in order.

    Raises
    ------
    UsageError
        For arrivals that no prefix can have had, or prices that are none.
    """
    check_arrivals(arrivals, end)
    if not (read > 0 and write_5m > 0 and write_1h > 0 and latency >= 0 and tick > 0):
        raise UsageError("prices and tick must be above 0, and latency not below")
    multipliers = Multipliers(read, write_5m, write_1h)
    run = _Run(_decider(policy), multipliers, latency, tick, watch or (lambda _: None))
    for at in arrivals:
        run.tend(at)
        run.request(at)
    run.tend(end)
    return run.account(len(arrivals))


def check_arrivals(arrivals: Sequence[float], end: float) -> None:
    """Refuse arrivals that no prefix can have had.

    Raises
    ------
    UsageError
        Naming the first one at fault.
    """
    previous = 0.0
    for number, at in enumerate(arrivals, 1):
        if not math.isfinite(at) or at < 0:
            raise UsageError(f"arrival {number} is {at!r}: write seconds, 0 or more")
        if at < previous:
            raise UsageError(f"arrival {number} is {at!r}, before the one before it: sort them")
        previous = at
    if not math.isfinite(end) or end < previous:
        raise UsageError(f"the end is {end!r}, before the last arrival at {previous!r}")


def _decider(policy: str | Policy | Decider) -> Decider:
    if isinstance(policy, (str, Policy)):
        return _Named(Policy.of(policy))
    return policy


class _Named:
    def __init__(self, policy: Policy) -> None:
        self.decide = partial(deciding.decide, policy=policy)
        self.learn = partial(deciding.learn, policy=policy)


class _Run:
    """One prefix, its entry and its bill."""

    def __init__(
        self,
        policy: Decider,
        multipliers: Multipliers,
        latency: float,
        tick: float,
        watch: Callable[[Event], None],
    ) -> None:
        self.policy, self.multipliers, self.latency = policy, multipliers, latency
        self.tick, self.watch = tick, watch
        self.last_touch: float | None = None
        self.warm_until: float | None = None
        self.traffic_at: float | None = None
        self.next_check: float | None = None
        self.ttl, self.idle, self.learned = TTL_1H, 0, b""
        self.total = 0.0
        self.pings = self.misses = self.starts = self.start_hits = 0

    def view(self, now: float) -> View:
        return View(
            now,
            self.last_touch,
            self.warm_until,
            self.ttl,
            self.idle,
            self.traffic_at,
            self.multipliers,
            self.latency,
            self.learned,
        )

    def tend(self, until: float) -> None:
        """Ask the policy at each of its checks before a moment."""
        while self.next_check is not None:
            now = math.ceil(self.next_check / self.tick) * self.tick
            if now >= until:
                return
            decision = self.policy.decide(self.view(now))
            if decision.sends:
                self.ping(now, decision)
            following = decision.next_check
            self.next_check = None if following is None else max(following, now + self.tick)

    def ping(self, now: float, decision: Decision) -> None:
        warm = self.warm_until is not None and now < self.warm_until
        if not warm and decision.action == "refresh":
            return
        if not warm:
            self.ttl = decision.ttl
        self.total += self.multipliers.read if warm else self.multipliers.write(self.ttl)
        self.pings += 1
        self.idle += 1
        self.touch(now, "refresh" if warm else "write")

    def request(self, now: float) -> None:
        start = self.traffic_at is not None and now - self.traffic_at > SESSION_GAP
        warm = self.warm_until is not None and now < self.warm_until
        self.starts += start
        self.start_hits += start and warm
        self.learned = self.policy.learn(self.view(now), [now])
        self.traffic_at, self.idle = now, 0
        if warm:
            self.total += self.multipliers.read
            self.touch(now, "hit")
            return
        self.ttl = self.policy.decide(self.view(now)).ttl
        self.total += self.multipliers.write(self.ttl) + self.latency
        self.misses += 1
        self.touch(now, "miss")
        self.next_check = self.policy.decide(self.view(now)).next_check

    def touch(self, now: float, kind: str) -> None:
        self.last_touch = now
        self.warm_until = now + self.ttl
        self.watch(Event(now, kind, self.warm_until))

    def account(self, requests: int) -> Replay:
        excess = self.total - self.multipliers.read * requests
        return Replay(self.total, excess, self.pings, self.misses, self.starts, self.start_hits)
