"""A bounded pool of threads that make calls concurrently and end when idle."""

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
    """Runs a limited number of jobs concurrently; safe with threads and after a fork.

    The threads are daemons, so a call in flight does not keep a process from ending. A thread that
    has been idle for a while ends.

    Parameters
    ----------
    most : int
        The most concurrent jobs.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start without threads and jobs."""
        self._ready = Condition()
        self._jobs: deque[Callable[[], None]] = deque()
        self._threads = 0
        self._idle = 0

    def do(self, job: Callable[[], None]) -> None:
        """Run a job soon, in the caller's context; the job must not raise.

        Raises
        ------
        RuntimeError
            No thread can be started.
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
