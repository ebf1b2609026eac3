"""When replies go out: after their simulated time, or as soon as nothing else arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixwarm.simulator.connection import Connection
    from prefixwarm.simulator.http_types import Reply
    from prefixwarm.simulator.provider_state import Provider

__all__ = ["Schedule"]

# A client that has connected is about to send, but may also just have opened a spare connection.
_PATIENCE = 0.25
# Nobody waits longer than this for others, however busy the server is.
_LONGEST = 1.0
# With several connections open, calls that belong together are likelier, and further apart.
_COMPANY = 4


class Schedule:
    """The moments at which a provider's replies are sent.

    Parameters
    ----------
    provider : Provider
        Who answers.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._open: set[Connection] = set()
        self._silent: dict[Connection, float] = {}
        self._last_arrival = 0.0

    def opened(self, connection: Connection) -> None:
        """Note a connection that has not sent a request yet."""
        self._open.add(connection)
        self._silent[connection] = _now()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._silent.pop(connection, None)

    def hang_up(self) -> None:
        """Drop every connection."""
        for connection in list(self._open):
            connection.drop()

    def arrived(self, connection: Connection) -> None:
        """Note a complete request."""
        self._silent.pop(connection, None)
        self._last_arrival = _now()

    def delay(self, reply: Reply) -> float | None:
        """Tell whether a reply has to wait: None where it goes out at once."""
        if reply.start is None and not reply.held:
            return None
        manual = self.provider.clock.manual and self.provider.settings.gather > 0
        due = reply.held + (reply.parts[-1].after if reply.parts else 0.0)
        return due if due > 0 or manual else None

    async def until(self, reply: Reply, after: float) -> None:
        """Wait until `after` simulated seconds of a reply have passed.

        On the manual clock: until no other request arrives, so that calls that are open together
        have started at the same moment; then time moves on.
        """
        start = reply.start if reply.start is not None else self.provider.clock.now()
        if reply.held:
            await asyncio.sleep(reply.held)
            reply.start, reply.held = start + reply.held, 0.0
        moment = (reply.start or start) + after
        if self.provider.clock.manual:
            await self._quiet()
            self.provider.clock.reached(moment)
        else:
            await asyncio.sleep(max(0.0, moment - self.provider.clock.now()))

    async def _quiet(self) -> None:
        gather = self.provider.settings.gather * (_COMPANY if len(self._open) > 1 else 1)
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
