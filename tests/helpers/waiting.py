"""Waiting for what another thread, process or server is about to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import pytest

from prefixwarm.errors import ConnectError, DeadlineError
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable


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


def runs_out(send: Callable[[Deadline], object], seconds: float) -> None:
    """Send with this deadline, which must pass; a later one where it passed before it was sent."""
    try:
        send(Deadline.after(seconds))
    except DeadlineError:
        return
    except ConnectError:
        assert seconds < PATIENCE
    else:
        pytest.fail("the deadline did not pass")
    runs_out(send, 10 * seconds)
