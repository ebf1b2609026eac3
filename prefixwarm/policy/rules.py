"""The rules, which decide how many refreshes one silence is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prefixwarm.life import TTL_1H, TTL_5M, break_even, refresh_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View


# With the 5 minute TTL, a silence longer than an hour rarely ends soon.
_MOST_5M = 12

# Refreshes happen at whole minutes, so the first in a gap may be late by this much, and each
# further one comes exactly this much after the previous one.
_LATE = 30


@dataclass(frozen=True)
class Allowance:
    """How many consecutive refreshes the current silence is worth, and why."""

    refreshes: float
    reason: str


class Rule(Protocol):
    """A rule; its methods are pure."""

    def ttl(self, view: View) -> int:
        """The TTL (seconds) of the next write."""

    def allowance(self, view: View) -> Allowance:
        """How many refreshes the current silence is worth."""

    def write(self, view: View) -> str | None:
        """Why to write a cold entry before a request needs it; None to leave it."""

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Counters after these starts of real requests (epoch seconds, ascending)."""

    def carry_over(self, view: View) -> bytes:
        """Counters for the version that replaces this one."""

    def left_behind(self, view: View) -> bytes:
        """Counters that this version keeps when another replaces it."""

    def adopted(self, view: View, carried: bytes) -> bytes:
        """Counters of this version when it continues carried-over ones."""

    def start_allowance(self, view: View) -> float | None:
        """What starts may spend on writes that may never be read; None without an account."""


@dataclass(frozen=True)
class Gap:
    """The cost of one gap between two requests, estimated on the high side.

    Attributes
    ----------
    seconds : float
        From request to request.
    ttl : int
        TTL in seconds of the entry that is alive when the gap begins.
    """

    seconds: float
    ttl: int = TTL_1H

    @property
    def needed(self) -> int:
        """Refreshes that keep the entry alive through it."""
        if self.seconds < self.ttl:
            return 0
        return 1 + int((self.seconds - self.ttl + _LATE) // self._every)

    @property
    def due(self) -> int:
        """Refreshes made in it without a limit."""
        soonest = refresh_after(self.ttl)
        return 0 if self.seconds < soonest else 1 + int((self.seconds - soonest) // self._every)

    @property
    def _every(self) -> float:
        return refresh_after(self.ttl) + _LATE

    def cost(self, allowed: float, read: float, premium: float) -> float:
        """The cost of refreshes and miss with at most this many refreshes."""
        return min(self.due, allowed) * read + (0 if self.needed <= allowed else premium)


class Never:
    """The rule `never`: no refreshes, the 5 minute TTL."""

    def ttl(self, view: View) -> int:
        """The cheapest write."""
        del view
        return TTL_5M

    def allowance(self, view: View) -> Allowance:
        """No refreshes."""
        del view
        return Allowance(0, "the rule is never")

    def write(self, view: View) -> str | None:
        """Never."""
        del view
        return None

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Nothing to learn."""
        del arrivals
        return view.learned

    def carry_over(self, view: View) -> bytes:
        """The same counters, because the prefix's traffic stays the same."""
        return view.learned

    def left_behind(self, view: View) -> bytes:
        """The same counters."""
        return view.learned

    def adopted(self, view: View, carried: bytes) -> bytes:
        """The same counters."""
        del view
        return carried

    def start_allowance(self, view: View) -> float | None:
        """None, because there is no account."""
        del view
        return None


class _Eager(Never):
    """Base of the rules that refresh: the 1 hour TTL, and a write at deployment."""

    def ttl(self, view: View) -> int:
        """One hour, unless the provider grants only five minutes."""
        return view.ttl

    def write(self, view: View) -> str | None:
        """Write a new prefix once, so that its first user does not pay for it."""
        return "a new prefix: never warmed here" if view.warm_until is None else None


class Always(_Eager):
    """The rule `always`: refreshes forever; for comparison."""

    def allowance(self, view: View) -> Allowance:
        """Unlimited refreshes."""
        del view
        return Allowance(math.inf, "the rule is always")


class Ski(_Eager):
    """The rule `ski`: spends on one silence at most the cost of the miss it avoids."""

    def allowance(self, view: View) -> Allowance:
        """The break-even count."""
        most = break_even(view.multipliers.read, view.miss_premium)
        if view.ttl < TTL_1H:
            most = min(most, _MOST_5M)
        return Allowance(most, f"{most} refreshes cost as much as the miss they avoid")
