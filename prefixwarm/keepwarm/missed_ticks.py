"""Counts missed ticks."""

from __future__ import annotations

from math import ceil

# A tick may come at any moment of its minute, and may wait for an environment.
_TICK_SECONDS = 60.0
_LATEST_SECONDS = 130.0


def ticks_missed(since: float | None, now: float) -> int:
    """Return how many ticks are certainly missing between two times (epoch seconds).

    Parameters
    ----------
    since
        When there was a tick, or should have been one; None if unknown.
    """
    late = 0.0 if since is None else now - since - _LATEST_SECONDS
    return ceil(late / _TICK_SECONDS) if late > 0 else 0
