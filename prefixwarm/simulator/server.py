"""Serves one simulated provider over HTTP, on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.simulator.connection import Connection
from prefixwarm.simulator.provider_state import ProviderState
from prefixwarm.simulator.reply_schedule import Schedule
from prefixwarm.simulator.request_handler import respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.simulator.settings import Settings


HOST = "127.0.0.1"
_BACKLOG = 1024


class Server:
    """A simulated provider that listens on loopback.

    Parameters
    ----------
    settings : Settings
        The provider's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.state = ProviderState(settings)
        self._schedule = Schedule(self.state.clock, settings.gather)
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the URL.

        Raises
        ------
        OSError
            The port is not available.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(partial(respond, self.state), self._schedule),
            host,
            port,
            backlog=_BACKLOG,
        )
        chosen = self._server.sockets[0].getsockname()[1]
        return f"http://{host}:{chosen}"

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        self._schedule.hang_up()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop if it is installed, or asyncio's."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def serve(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    settings : Settings
        The provider's settings.
    host, port : str, int
        The address to listen on; port 0 chooses a free one.
    ready : callable
        Called with the URL once the server answers.
    """
    loop = new_loop()
    with contextlib.closing(loop):
        loop.run_until_complete(_serve(settings, host, port, ready))


async def _serve(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(settings)
    ready(await server.start(host, port))
    await stop.wait()
    await server.stop()
