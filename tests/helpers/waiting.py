"""Waiting for what another thread, process or server is about to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PATIENCE", "until"]

T = TypeVar("T")

# Seconds after which something will never happen, on the busiest machine.
PATIENCE = 120.0


def until(holds: Callable[[], T], what: str = "") -> T:
    """Ask again and again until the answer is true, and return it.

    Raises
    ------
    AssertionError
        After `PATIENCE`, with what was waited for.
    """
    end = time.monotonic() + PATIENCE
    while not (answer := holds()):
        assert time.monotonic() < end, f"did not happen: {what or holds}"
        time.sleep(0.05)
    return answer
