"""Decides when replies go out: after their simulated time, or when nothing else arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prefixwarm.simulator.clock import Clock
    from prefixwarm.simulator.http_types import Reply


# A client that has connected is about to send, but may also just have opened a spare connection.
_PATIENCE = 0.25
# Nobody waits longer than this for others, however busy the server is.
_LONGEST = 1.0
# With several connections open, calls that belong together are likelier, and further apart.
_COMPANY = 4


class Droppable(Protocol):
    """What a schedule needs of a connection."""

    def drop(self) -> None:
        """Close it without sending anything more."""
        ...


class Schedule:
    """The moments at which replies are sent.

    Parameters
    ----------
    clock : Clock
        The simulated time.
    gather : float
        Manual clock: real seconds without an arrival until replies go out.
    """

    def __init__(self, clock: Clock, gather: float) -> None:
        self._clock = clock
        self._gather = gather
        self._open: set[Droppable] = set()
        self._silent: dict[Droppable, float] = {}
        self._last_arrival = 0.0

    def opened(self, connection: Droppable) -> None:
        """Note a connection that has not sent a request yet."""
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
        """Return how long a reply has to wait: None where it goes out at once."""
        if reply.start is None and not reply.held:
            return None
        manual = self._clock.manual and self._gather > 0
        due = reply.held + (reply.parts[-1].after if reply.parts else 0.0)
        return due if due > 0 or manual else None

    async def until(self, reply: Reply, after: float) -> None:
        """Wait until `after` simulated seconds of a reply have passed.

        On the manual clock: until no other request arrives, so that calls that are open together
        have started at the same moment; then time moves on.
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
            # One more turn of the loop, so that what has already arrived is counted.
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
