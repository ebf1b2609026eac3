"""Keeps a warmer's prefixes warm in this process, as long as that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Thread

    from typing_extensions import Self

    from prefixwarm.library.schedule_loop import ScheduleLoop
    from prefixwarm.library.sync_warmer import Warmer
    from prefixwarm.library.warm_status import WarmStatus
    from prefixwarm.policy import Policy


class ScheduleBase:
    """The status and the observation of real requests of `WarmSchedule` and `AsyncWarmSchedule`."""

    _loop: ScheduleLoop

    @overload
    def status(self, prefix: str) -> WarmStatus: ...

    @overload
    def status(self, prefix: None = None) -> list[WarmStatus]: ...

    def status(self, prefix: str | None = None) -> WarmStatus | list[WarmStatus]:
        """Return the status of a prefix, or of all, without any request.

        Raises
        ------
        UsageError
            There is no prefix of this name.
        """
        self._keep_running()
        if prefix is not None:
            return self._loop.status(prefix)
        return [self._loop.status(name) for name in self._loop.names()]

    def observe(
        self, usage: Any, prefix: str | None = None, *, started: float | None = None
    ) -> None:
        """Report a real request, which itself keeps the entry alive; never raises.

        Parameters
        ----------
        usage : object or dict
            The response, or its usage.
        prefix : str, optional
            The prefix that was sent; optional if there is only one.
        started : float, optional
            When the request was sent, in epoch seconds; by default ten seconds ago.
        """
        self._keep_running()
        self._loop.traffic.observe(usage, prefix, started)

    def _keep_running(self) -> None:
        """Start again what has ended."""


class WarmSchedule(ScheduleBase):
    """Warms and refreshes a warmer's prefixes from a thread, and reports what it does and why.

    It never raises into the program, never sends a refresh so late that it would be a write, and
    ends with the program or its ``with`` block. In a forked process it resumes on first use.

    Parameters
    ----------
    warmer : Warmer
        The warmer whose prefixes, client and store to use.
    policy : str, Policy or mapping, optional
        A rule of `prefixwarm.policy`; by default ``auto``, which spends only what past traffic has
        saved and needs `observe` or `middleware`.
    interval_seconds : float, optional
        Instead of a policy: seconds from each use of the entry to its refresh, forever.
    on_event : callable, optional
        Receives a `WarmStatus` after each warm call, and when the reason for not making one
        changes.

    Raises
    ------
    SettingsError
        The policy is invalid, or the interval reaches a prefix's TTL.
    UsageError
        Both a policy and an interval are given.

    Examples
    --------
    >>> with WarmSchedule(warmer, policy="auto") as schedule:
    ...     if schedule.wait_until_warm("support", timeout=5):
    ...         serve()
    """

    def __init__(
        self,
        warmer: Warmer,
        *,
        policy: str | Policy | Mapping[str, Any] | None = None,
        interval_seconds: float | None = None,
        on_event: Callable[[WarmStatus], object] | None = None,
    ) -> None:
        # Imported here: expensive, and not needed just to import the name.
        from threading import Event

        from prefixwarm.library.client_kind import UserClient
        from prefixwarm.library.schedule_loop import ScheduleLoop

        self._wake = Event()
        calls = warmer.calls
        self._loop = ScheduleLoop(calls, policy, interval_seconds, on_event, self._wake.set)
        self._sender = UserClient(calls.kind)
        self._thread: Thread | None = None
        self._running = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Start keeping prefixes warm; logs if no thread can be started."""
        self._running = True
        self._loop.listen()
        self._keep_running()

    def close(self, timeout: float = 5.0) -> None:
        """Stop, and wait up to `timeout` seconds for a call in flight."""
        self._running = False
        self._wake.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout)
        self._loop.close()

    def wait_until_warm(self, prefix: str | None = None, timeout: float | None = None) -> bool:
        """Wait until a prefix, or all prefixes, are warm.

        Parameters
        ----------
        prefix : str, optional
            The prefix's name; by default all.
        timeout : float, optional
            Seconds; by default as long as needed while the schedule runs.

        Returns
        -------
        bool
            Whether they are warm. Returns False at once if no pending warm call could make it so in
            time.

        Raises
        ------
        UsageError
            There is no prefix of this name.
        """
        self._keep_running()
        without_end = 1e9 if self._running else 0.0
        until = Deadline.after(without_end if timeout is None else timeout)
        return all(self._wait(name, until) for name in self._loop.names(prefix))

    def _wait(self, name: str, until: Deadline) -> bool:
        loop = self._loop
        while (warm := loop.is_warm(name, until.remaining())) is None:
            with loop.changed:
                loop.changed.wait(min(until.remaining(), 0.1))
        return warm

    def middleware(self) -> Callable[[Any, Callable[[Any], Any]], Any]:
        """Return middleware for clients that send the prefixes; it observes every request.

        ``client.with_options(middleware=[schedule.middleware()])``
        """
        from prefixwarm.observe.anthropic_sdk import middleware

        self._keep_running()
        return middleware(self._loop.traffic.observer())

    def check(self) -> None:
        """Make the due warm calls now, in this thread; never raises.

        For tests with their own clock, and programs with their own timer instead of `start`.
        """
        self._loop.run_due(self._sender)

    def _keep_running(self) -> None:
        """Start the thread if there is none: at first, and in a forked process."""
        if not self._running or (self._thread is not None and self._thread.is_alive()):
            return
        from threading import Thread

        from prefixwarm.process_log import logger

        self._loop.warn_of_fork()
        self._thread = Thread(target=self._run, name="prefixwarm-schedule", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            logger.warning("nothing is kept warm: %s", error)

    def _run(self) -> None:
        while self._running:
            self._wake.clear()
            self._loop.run_due(self._sender)
            if self._running:
                self._wake.wait(self._loop.wait_seconds())
