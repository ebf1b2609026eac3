"""Waits briefly for an event without blocking an event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from threading import Event


_STEP = 0.002


async def wait_async(event: Event, seconds: float) -> None:
    """Wait for `event` up to `seconds`, on asyncio or trio; never raises."""
    with suppress(Exception):
        from anyio import sleep  # which the SDK brings

        until = Deadline.after(seconds)
        while not event.is_set() and not until.expired:
            await sleep(min(_STEP, until.remaining()))
