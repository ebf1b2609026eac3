"""Delays an environment's first model calls until a warm call in flight has written the prefix.

Without the delay the two race, and the prefix is written twice.
"""

from __future__ import annotations

from contextlib import suppress
from random import random
from threading import Event, Lock, Thread
from time import sleep as pause
from time import time
from typing import TYPE_CHECKING

from prefixwarm.observe.waiting import wait_async
from prefixwarm.warm.lease_time import LeaseWatch
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.warm_state import State


class Gate:
    """Waits while the prefix is being written according to the state; never raises.

    Only calls that begin before the first answer wait, each for the limit at most. A thread reads
    the state, so a hanging table cannot hold a call longer.

    Parameters
    ----------
    read : callable
        Reads a prefix's state before a deadline.
    milliseconds : int
        The longest wait; 0 waits for nothing.
    """

    def __init__(self, read: Callable[[PrefixFile, Deadline], State], milliseconds: int) -> None:
        self._read = read
        self._seconds = milliseconds / 1000
        self._lock = Lock()
        self._open: dict[str, Event] = {}

    def wait(self, prefix: PrefixFile) -> None:
        """Wait for a warm call in flight, if any."""
        with suppress(Exception):
            if self._seconds:
                self._opened(prefix).wait(self._seconds)

    async def wait_async(self, prefix: PrefixFile) -> None:
        """Wait without blocking the event loop, on asyncio or trio."""
        with suppress(Exception):
            if self._seconds:
                await wait_async(self._opened(prefix), self._seconds)

    def _opened(self, prefix: PrefixFile) -> Event:
        with self._lock:
            if prefix.name not in self._open:
                opened = self._open[prefix.name] = Event()
                poller = Thread(target=self._poll, args=(prefix, opened), daemon=True)
                poller.start()
            return self._open[prefix.name]

    def _poll(self, prefix: PrefixFile, opened: Event) -> None:
        with suppress(Exception):
            until, watch = Deadline.after(self._seconds), LeaseWatch()
            while _in_flight(self._read(prefix, until), watch) and not until.expired:
                pause(min(0.1 + random() / 5, until.remaining()))  # noqa: S311 - jitter
        opened.set()


def _in_flight(state: State, watch: LeaseWatch) -> bool:
    """Whether the entry is being written; an entry being refreshed is already readable."""
    now = time()
    return state.leased(now) and state.warm_for(now) <= 0 and not watch.silent(state)
