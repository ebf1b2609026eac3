"""Keep an asynchronous warmer's prefixes warm, in a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping

    from typing_extensions import Self

    from prefixwarm.library.async_warmer import AsyncWarmer
    from prefixwarm.library.warm_status import WarmStatus
    from prefixwarm.policy import Policy


class AsyncWarmSchedule:
    """The same as `WarmSchedule` for asyncio: a task, which ends when it is cancelled or closed.

    Parameters
    ----------
    warmer : AsyncWarmer
        Whose prefixes, client and store it uses.
    policy, interval_seconds
        As for `WarmSchedule`.
    on_event : callable, optional
        As for `WarmSchedule`, called on the event loop; it may be a coroutine function.

    Raises
    ------
    SettingsError, UsageError
        As for `WarmSchedule`.

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
        # What it takes to keep warm is not needed to import the name, nor cheap.
        from prefixwarm.library.schedule_loop import ScheduleLoop
        from prefixwarm.library.worker_threads import WorkerThreads

        notify = self._notify if on_event is not None else None
        self._on_event = on_event
        self._loop = ScheduleLoop(warmer.calls, policy, interval_seconds, notify, self._wake_up)
        self._thread = WorkerThreads(1)
        self._task: asyncio.Task[None] | None = None
        self._callbacks: set[asyncio.Task[None]] = set()
        self._events: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def start(self) -> asyncio.Task[None]:
        """Begin to keep warm; the task never fails, and may be cancelled."""
        import asyncio

        self._loop.listen()
        if self._task is None or self._task.done():
            self._events, self._wake = asyncio.get_running_loop(), asyncio.Event()
            self._task = self._events.create_task(self._run(), name="prefixwarm-schedule")
        return self._task

    async def close(self) -> None:
        """Stop; a call that is in flight is recorded when it ends."""
        from contextlib import suppress

        if self._task is not None:
            self._task.cancel()
            import asyncio

            with suppress(asyncio.CancelledError):
                await self._task
        self._loop.close()

    @overload
    def status(self, prefix: str) -> WarmStatus: ...

    @overload
    def status(self, prefix: None = None) -> list[WarmStatus]: ...

    def status(self, prefix: str | None = None) -> WarmStatus | list[WarmStatus]:
        """What is known of a prefix, or of all; see `WarmSchedule.status`."""
        if prefix is not None:
            return self._loop.status(prefix)
        return [self._loop.status(name) for name in self._loop.names()]

    async def wait_until_warm(
        self, prefix: str | None = None, timeout: float | None = None
    ) -> bool:
        """Wait until a prefix, or all of them, are warm; see `WarmSchedule.wait_until_warm`."""
        import asyncio
        from time import monotonic

        from prefixwarm.library.schedule_loop import remaining

        without_end = 0.0 if self._task is None or self._task.done() else 1e9
        until = monotonic() + (without_end if timeout is None else timeout)
        for name in self._loop.names() if prefix is None else [prefix]:
            while (warm := self._loop.is_warm(name, remaining(until))) is None:
                await asyncio.sleep(min(remaining(until), 0.05))
            if not warm:
                return False
        return True

    def observe(
        self, usage: Any, prefix: str | None = None, *, started: float | None = None
    ) -> None:
        """Tell of a real request; never blocks, never raises; see `WarmSchedule.observe`."""
        self._loop.traffic.observe(usage, prefix, started)

    def middleware(self) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
        """For the asynchronous clients that send the prefixes; see `WarmSchedule.middleware`."""
        from prefixwarm.observe.anthropic_sdk import async_middleware

        return async_middleware(self._loop.traffic.observer())

    async def check(self) -> None:
        """Do now what is due; never raises; see `WarmSchedule.check`."""
        import asyncio
        from concurrent.futures import Future

        from prefixwarm.library.event_loop import sender_on_loop

        done: Future[None] = Future()
        sender = sender_on_loop(self._loop.calls.kind)

        def run() -> None:
            self._loop.run_due(sender)
            done.set_result(None)

        done.set_running_or_notify_cancel()
        self._thread.do(run)
        await asyncio.wrap_future(done)

    async def _run(self) -> None:
        import asyncio
        from contextlib import suppress

        from prefixwarm.process_log import logger

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
        def begin() -> None:
            if self._events is not None:
                task = self._events.create_task(self._call_back(status))
                # The loop alone would not keep it.
                self._callbacks.add(task)
                task.add_done_callback(self._callbacks.discard)

        self._on_loop(begin)

    async def _call_back(self, status: WarmStatus) -> None:
        from inspect import isawaitable

        from prefixwarm.process_log import logger
        from prefixwarm.warm.error_classification import describe

        try:
            result = self._on_event(status) if self._on_event else None
            if isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - it is the user's
            logger.warning("on_event failed for prefix %s: %s", status.name, describe(error))

    def _on_loop(self, job: Callable[[], object]) -> None:
        from contextlib import suppress

        # The event loop may have ended.
        with suppress(RuntimeError):
            if self._events is not None:
                self._events.call_soon_threadsafe(job)
