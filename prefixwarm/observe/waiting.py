"""Waits for an event for a moment, with and without blocking an event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from threading import Event


_STEP = 0.002


async def wait_async(event: Event, seconds: float) -> None:
    """Wait until `event` is set, so long at most, on whichever loop the SDK runs; never raises."""
    with suppress(Exception):
        from anyio import sleep  # which the SDK brings

        until = Deadline.after(seconds)
        while not event.is_set() and not until.expired:
            await sleep(min(_STEP, until.remaining()))
