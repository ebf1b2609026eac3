"""A bounded number of threads that make calls side by side, and end when there are none."""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING

from prefixwarm.library.after_fork import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable


_IDLE_SECONDS = 5.0


class WorkerThreads:
    """Runs jobs, so many at a time; safe between threads, and after a fork.

    The threads are daemons: a call in flight holds no process back that ends. One that has had
    nothing to do for a while ends.

    Parameters
    ----------
    most : int
        Jobs at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Begin without threads and jobs."""
        self._ready = Condition()
        self._jobs: deque[Callable[[], None]] = deque()
        self._threads = 0
        self._idle = 0

    def do(self, job: Callable[[], None]) -> None:
        """Run a job soon, in the caller's context; it must not raise.

        Raises
        ------
        RuntimeError
            When no thread can be started.
        """
        with self._ready:
            if len(self._jobs) >= self._idle and self._threads < self._most:
                Thread(target=self._work, name="prefixwarm-warm", daemon=True).start()
                self._threads += 1
            self._jobs.append(partial(copy_context().run, job))
            self._ready.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        with self._ready:
            self._idle += 1
            self._ready.wait_for(lambda: self._jobs, _IDLE_SECONDS)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._threads -= 1
            return None
