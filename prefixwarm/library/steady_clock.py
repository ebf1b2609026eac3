"""A clock in epoch seconds that neither clock corrections nor sleep set back."""

from __future__ import annotations

from time import monotonic, time

_OFFSET = time() - monotonic()


def steady_time() -> float:
    """Return the time in epoch seconds, never earlier than the elapsed time implies.

    If the clock is set back, an entry seems to live longer than it does, and its refresh would be a
    write. The monotonic clock stops while a machine sleeps. The later of the two is right.
    """
    return max(time(), monotonic() + _OFFSET)
