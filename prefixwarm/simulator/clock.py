"""The clocks of a simulated provider."""

from __future__ import annotations

import time
from typing import TypeAlias

from prefixwarm.simulator.api_errors import SimulatorError

_EPOCH = 1_800_000_000.0
# The year 9892: later dates could not be formatted in replies.
_END = 2.5e11


class RealClock:
    """The machine's time, plus what `advance` added."""

    manual = False

    def __init__(self) -> None:
        # Read the wall clock once, then use the monotonic clock, so that a correction of the
        # machine's time does not expire entries.
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> float:
        """Jump ahead by `seconds`."""
        self._offset += _checked(seconds, self.now())
        return self.now()

    def reached(self, moment: float) -> None:
        """Do nothing: replies take their real time."""


class ManualClock:
    """Time that stands still except for `advance` and for replies."""

    manual = True

    def __init__(self, start: float = _EPOCH) -> None:
        self._now = start

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Move time on by `seconds`."""
        self._now += _checked(seconds, self._now)
        return self._now

    def reached(self, moment: float) -> None:
        """Move time to the end of a reply, never back."""
        self._now = min(max(self._now, moment), _END)


Clock: TypeAlias = RealClock | ManualClock


def make(kind: str) -> Clock:
    """Build the clock named ``real`` or ``manual``."""
    if kind == "real":
        return RealClock()
    if kind == "manual":
        return ManualClock()
    raise SimulatorError(f"clock {kind!r} is unknown; use real or manual")


def _checked(seconds: float, now: float) -> float:
    if not 0 <= seconds <= _END - now:
        raise SimulatorError(
            f"advance by {seconds!r} seconds: give a number from 0 on, and stay in this era"
        )
    return seconds
