"""The rules: how many refreshes one silence is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prefixwarm.life import TTL_1H, TTL_5M, break_even, refresh_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View


# On the 5 minute TTL a silence that outlasts an hour is rarely about to end.
_MOST_5M = 12

# Refreshes fall on whole minutes, so the first one of a gap comes up to so much later than it is
# due, and each further one exactly so much after the one before.
_LATE = 30


@dataclass(frozen=True)
class Allowance:
    """How many refreshes in a row the present silence is worth, and why."""

    refreshes: float
    reason: str


class Rule(Protocol):
    """One way of deciding; pure."""

    def ttl(self, view: View) -> int:
        """TTL (seconds) to ask for in the next write."""

    def allowance(self, view: View) -> Allowance:
        """How many refreshes the present silence is worth."""

    def write(self, view: View) -> str | None:
        """Why a cold entry is to be written although no request asks for it; None: it is not."""

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Counters after these starts of real requests (epoch seconds, ascending)."""

    def carry_over(self, view: View) -> bytes:
        """Counters for the version that replaces this one."""

    def left_behind(self, view: View) -> bytes:
        """Counters that this version keeps, as another one replaces it."""

    def adopted(self, view: View, carried: bytes) -> bytes:
        """Counters of this version, as it goes on with those that were carried over."""

    def start_allowance(self, view: View) -> float | None:
        """What starts may spend on what nobody may read; None without an account."""


@dataclass(frozen=True)
class Gap:
    """What one gap between two requests costs, counted rather too high than too low.

    Attributes
    ----------
    seconds : float
        From request to request.
    ttl : int
        Seconds; of the entry that lives when it begins.
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
        """Refreshes that are made in it if there is no limit to them."""
        soonest = refresh_after(self.ttl)
        return 0 if self.seconds < soonest else 1 + int((self.seconds - soonest) // self._every)

    @property
    def _every(self) -> float:
        return refresh_after(self.ttl) + _LATE

    def cost(self, allowed: float, read: float, premium: float) -> float:
        """Refreshes and miss together, when at most so many refreshes are allowed."""
        return min(self.due, allowed) * read + (0 if self.needed <= allowed else premium)


class Never:
    """No refreshes; the 5 minute TTL."""

    def ttl(self, view: View) -> int:
        """The cheapest write."""
        del view
        return TTL_5M

    def allowance(self, view: View) -> Allowance:
        """None at all."""
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
        """What was learned is of the prefix's traffic, which stays."""
        return view.learned

    def left_behind(self, view: View) -> bytes:
        """The same."""
        return view.learned

    def adopted(self, view: View, carried: bytes) -> bytes:
        """The same."""
        del view
        return carried

    def start_allowance(self, view: View) -> float | None:
        """There is no account."""
        del view
        return None


class _Eager(Never):
    """What the rules share that refresh: the 1 hour TTL, and a write at deployment."""

    def ttl(self, view: View) -> int:
        """One hour, unless the provider grants five minutes only."""
        return view.ttl

    def write(self, view: View) -> str | None:
        """A new prefix is written once: its first user should not pay for it."""
        return "a new prefix: never warmed here" if view.warm_until is None else None


class Always(_Eager):
    """Refreshes for ever; for comparison."""

    def allowance(self, view: View) -> Allowance:
        """No end."""
        del view
        return Allowance(math.inf, "the rule is always")


class Ski(_Eager):
    """Spend on one silence at most what the miss costs that it avoids."""

    def allowance(self, view: View) -> Allowance:
        """The break-even count."""
        most = break_even(view.multipliers.read, view.miss_premium)
        if view.ttl < TTL_1H:
            most = min(most, _MOST_5M)
        return Allowance(most, f"{most} refreshes cost as much as the miss they avoid")
