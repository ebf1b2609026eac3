"""Runs a simulator in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from prefixwarm.simulator import control
from prefixwarm.simulator.api_errors import SimulatorError
from prefixwarm.simulator.faults import Fault
from prefixwarm.simulator.server import HOST, Server, new_loop
from prefixwarm.simulator.settings import Latency, Settings, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.simulator.provider_state import ProviderState


_T = TypeVar("_T")


class Simulator:
    """A handle to a running simulator; its methods are thread-safe.

    Attributes
    ----------
    url : str
        Its URL, such as ``http://127.0.0.1:40123``: the base URL for clients of the Claude API,
        Claude Platform on AWS and Bedrock's runtime.
    mantle_url : str
        The base URL for clients of Bedrock mantle.
    """

    def __init__(self, url: str, state: ProviderState, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.mantle_url = f"{url}/anthropic"
        self._state = state
        self._loop = loop

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return self._call(lambda state: state.clock.now())

    def advance(self, seconds: float) -> float:
        """Move the simulated time on and return it."""
        return self._call(lambda state: state.clock.advance(seconds))

    def entries(self) -> list[dict[str, Any]]:
        """Return the live cache entries, first to expire first."""
        return self._call(control.entries)

    def requests(self) -> list[dict[str, Any]]:
        """Return the received requests; ``cost_usd`` is a Decimal, or None if unknown."""
        records = self._call(lambda state: [(r.public(body=False), r.body) for r in state.log])
        return [{**document, "body": _parsed(body)} for document, body in records]

    def ledger(self) -> dict[str, Any]:
        """Return requests, tokens and US dollars (exact Decimals), in total and by kind."""
        return self._call(lambda state: state.ledger.public())

    def inject(self, **fault: Any) -> None:
        """Inject a fault; for the fields see `prefixwarm.simulator.Fault`."""
        parsed = Fault.parse(fault)
        self._call(lambda state: state.faults.append(parsed))

    def heal(self) -> None:
        """Remove every fault."""
        self._call(lambda state: state.faults.clear())

    def switch(self, **switches: Any) -> None:
        """Change switches; for their names see `prefixwarm.simulator.Switches`."""

        def change(state: ProviderState) -> None:
            state.switches = state.switches.changed(switches)

        self._call(change)

    def reset(self) -> None:
        """Clear entries, requests, faults, limits and dollars; keep time and switches."""
        self._call(lambda state: state.reset())

    def _call(self, function: Callable[[ProviderState], _T]) -> _T:
        async def run() -> _T:
            return function(self._state)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def _parsed(body: bytes | None) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None


@contextmanager
def running(clock: str = "real", *, port: int = 0, **options: Any) -> Iterator[Simulator]:
    """Run a simulator in a thread during a ``with`` block.

    Parameters
    ----------
    clock : str
        ``real``: replies take their simulated time; ``manual``: time stands still except for
        `Simulator.advance` and for replies.
    port : int
        Loopback port to listen on; 0 chooses a free one.
    **options
        Fields of `Settings`, and switches by name.

    Yields
    ------
    Simulator
        The handle.

    Raises
    ------
    SimulatorError
        An option is unknown.
    """
    server = Server(_settings(clock, options))
    loop = new_loop()
    thread = threading.Thread(target=_run, args=(loop,), name="prefixwarm-simulator", daemon=True)
    thread.start()
    try:
        url = asyncio.run_coroutine_threadsafe(server.start(HOST, port), loop).result()
        yield Simulator(url, server.state, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


def _settings(clock: str, options: dict[str, Any]) -> Settings:
    settings = {field.name for field in fields(Settings)}
    switches = {name: options.pop(name) for name in list(options) if name not in settings}
    try:
        if isinstance(options.get("latency"), dict):
            options["latency"] = Latency(**options["latency"])
        base = options.pop("switches", Switches())
        return Settings(clock=clock, switches=base.changed(switches), **options)
    except TypeError as error:
        raise SimulatorError(str(error)) from error
