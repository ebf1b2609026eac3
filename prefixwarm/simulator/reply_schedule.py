"""Decides when replies are sent: after their simulated time, or when nothing else arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prefixwarm.simulator.clock import Clock
    from prefixwarm.simulator.http_types import Reply


# A connected client is probably about to send, but it may have opened a spare connection.
_PATIENCE = 0.25
# No reply waits longer than this for others, however busy the server is.
_LONGEST = 1.0
# With several open connections, related calls are more likely, and further apart.
_COMPANY = 4


class Droppable(Protocol):
    """The part of a connection that a schedule uses."""

    def drop(self) -> None:
        """Close without sending anything more."""
        ...


class Schedule:
    """Decides when each reply is sent.

    Parameters
    ----------
    clock : Clock
        The simulated time.
    gather : float
        Manual clock: real seconds without an arrival before replies are sent.
    """

    def __init__(self, clock: Clock, gather: float) -> None:
        self._clock = clock
        self._gather = gather
        self._open: set[Droppable] = set()
        self._silent: dict[Droppable, float] = {}
        self._last_arrival = 0.0

    def opened(self, connection: Droppable) -> None:
        """Note a new connection without a request."""
        self._open.add(connection)
        self._silent[connection] = _now()

    def closed(self, connection: Droppable) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._silent.pop(connection, None)

    def hang_up(self) -> None:
        """Drop every connection."""
        for connection in list(self._open):
            connection.drop()

    def arrived(self, connection: Droppable) -> None:
        """Note a complete request."""
        self._silent.pop(connection, None)
        self._last_arrival = _now()

    def delay(self, reply: Reply) -> float | None:
        """Return how long a reply must wait; None if it is sent at once."""
        if reply.start is None and not reply.held:
            return None
        manual = self._clock.manual and self._gather > 0
        due = reply.held + (reply.parts[-1].after if reply.parts else 0.0)
        return due if due > 0 or manual else None

    async def until(self, reply: Reply, after: float) -> None:
        """Wait until `after` simulated seconds of a reply have passed.

        On the manual clock: wait until no other request arrives, so that concurrent calls start at
        the same moment; then time moves on.
        """
        start = reply.start if reply.start is not None else self._clock.now()
        if reply.held:
            await asyncio.sleep(reply.held)
            reply.start, reply.held = start + reply.held, 0.0
        moment = (reply.start or start) + after
        if self._clock.manual:
            await self._quiet()
            self._clock.reached(moment)
        else:
            await asyncio.sleep(max(0.0, moment - self._clock.now()))

    async def _quiet(self) -> None:
        gather = self._gather * (_COMPANY if len(self._open) > 1 else 1)
        limit = _now() + _LONGEST
        while _now() < limit:
            seen = self._last_arrival
            await asyncio.sleep(max(0.0, seen + gather - _now()))
            # Run the loop once more, so that requests that have already arrived are counted.
            await asyncio.sleep(0)
            if seen == self._last_arrival and not self._expecting():
                return
            if self._expecting():
                await asyncio.sleep(gather / 4)

    def _expecting(self) -> bool:
        now = _now()
        return any(now - since < _PATIENCE for since in self._silent.values())


def _now() -> float:
    return asyncio.get_running_loop().time()
