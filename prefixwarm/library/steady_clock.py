"""Epoch seconds that neither a corrected clock nor a sleeping machine sets back."""

from __future__ import annotations

from time import monotonic, time

_OFFSET = time() - monotonic()


def steady_time() -> float:
    """The present in epoch seconds, never earlier than it must be by the time that has passed.

    A clock that is set back would make an entry seem to live on, and its refresh would be a write;
    the monotonic clock stands still while a machine sleeps. The later of the two is right.
    """
    return max(time(), monotonic() + _OFFSET)
