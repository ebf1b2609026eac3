"""Keeps an asynchronous warmer's prefixes warm, in a task."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from prefixwarm.library.event_loop import begin, sender_on_loop
from prefixwarm.library.schedule_loop import ScheduleLoop
from prefixwarm.library.warm_schedule import ScheduleBase
from prefixwarm.library.worker_threads import WorkerThreads
from prefixwarm.process_log import logger
from prefixwarm.warm.error_classification import describe
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from typing_extensions import Self

    from prefixwarm.library.async_warmer import AsyncWarmer
    from prefixwarm.library.warm_status import WarmStatus
    from prefixwarm.policy import Policy


class AsyncWarmSchedule(ScheduleBase):
    """`WarmSchedule` for asyncio: runs as a task until it is cancelled or closed.

    Parameters
    ----------
    warmer : AsyncWarmer
        The warmer whose prefixes, client and store to use.
    policy, interval_seconds
        As in `WarmSchedule`.
    on_event : callable, optional
        As in `WarmSchedule`; called on the event loop, and may be a coroutine function.

    Raises
    ------
    SettingsError, UsageError
        As in `WarmSchedule`.

    Examples
    --------
    >>> async with AsyncWarmSchedule(warmer, policy="auto") as schedule:
    ...     await schedule.wait_until_warm("support", timeout=5)
    """

    def __init__(
        self,
        warmer: AsyncWarmer,
        *,
        policy: str | Policy | Mapping[str, Any] | None = None,
        interval_seconds: float | None = None,
        on_event: Callable[[WarmStatus], object] | None = None,
    ) -> None:
        notify = self._notify if on_event is not None else None
        self._on_event = on_event
        self._loop = ScheduleLoop(warmer.calls, policy, interval_seconds, notify, self._wake_up)
        self._thread = WorkerThreads(1)
        self._task: asyncio.Task[None] | None = None
        self._events: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def start(self) -> asyncio.Task[None]:
        """Start keeping prefixes warm; the task never fails and may be cancelled."""
        self._loop.listen()
        if self._task is None or self._task.done():
            self._events, self._wake = asyncio.get_running_loop(), asyncio.Event()
            self._task = self._events.create_task(self._run(), name="prefixwarm-schedule")
        return self._task

    async def close(self) -> None:
        """Stop; a call in flight is still recorded when it ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._loop.close()

    async def wait_until_warm(
        self, prefix: str | None = None, timeout: float | None = None
    ) -> bool:
        """Wait until a prefix, or all prefixes, are warm; see `WarmSchedule.wait_until_warm`."""
        without_end = 0.0 if self._task is None or self._task.done() else 1e9
        until = Deadline.after(without_end if timeout is None else timeout)
        for name in self._loop.names(prefix):
            while (warm := self._loop.is_warm(name, until.remaining())) is None:
                await asyncio.sleep(min(until.remaining(), 0.05))
            if not warm:
                return False
        return True

    def middleware(self) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
        """Return middleware for asynchronous clients; see `WarmSchedule.middleware`."""
        from prefixwarm.observe.anthropic_sdk import async_middleware

        return async_middleware(self._loop.traffic.observer())

    async def check(self) -> None:
        """Make the due warm calls now; never raises; see `WarmSchedule.check`."""
        done: Future[None] = Future()
        sender = sender_on_loop(self._loop.calls.kind)

        def run() -> None:
            self._loop.run_due(sender)
            done.set_result(None)

        done.set_running_or_notify_cancel()
        self._thread.do(run)
        await asyncio.wrap_future(done)

    async def _run(self) -> None:
        wake = self._wake
        while wake is not None:
            wake.clear()
            try:
                await self.check()
            except RuntimeError as error:
                logger.warning("nothing is kept warm for now: %s", error)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(wake.wait(), self._loop.wait_seconds())

    def _wake_up(self) -> None:
        """Wake the task, from any thread."""
        self._on_loop(lambda: self._wake.set() if self._wake else None)

    def _notify(self, status: WarmStatus) -> None:
        self._on_loop(lambda: begin(self._call_back(status)))

    async def _call_back(self, status: WarmStatus) -> None:
        try:
            result = self._on_event(status) if self._on_event else None
            if isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            logger.warning("on_event failed for prefix %s: %s", status.name, describe(error))

    def _on_loop(self, job: Callable[[], object]) -> None:
        # The event loop may have ended.
        with suppress(RuntimeError):
            if self._events is not None:
                self._events.call_soon_threadsafe(job)
