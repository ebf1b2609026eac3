"""Ticks that should have come and did not."""

from __future__ import annotations

from math import ceil

# A tick comes at any moment of its minute, and may have to wait for an environment.
_TICK_SECONDS = 60.0
_LATEST_SECONDS = 130.0


def ticks_missed(since: float | None, now: float) -> int:
    """How many ticks are missing between two moments (epoch seconds); 0 where none is sure to be.

    Parameters
    ----------
    since
        When there was a tick, or should have been one; None where that is not known.
    """
    late = 0.0 if since is None else now - since - _LATEST_SECONDS
    return ceil(late / _TICK_SECONDS) if late > 0 else 0
