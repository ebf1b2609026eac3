"""Runs work that must not delay a request, in one thread started on demand."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


_MOST_WAITING = 100


class Background:
    """Runs jobs one by one; drops jobs that fail and jobs over the limit."""

    def __init__(self) -> None:
        self._jobs: Queue[tuple[Callable[[], None], Event]] = Queue(_MOST_WAITING)
        self._lock = Lock()
        self._thread: Thread | None = None

    def do(self, job: Callable[[], None]) -> Event:
        """Run `job` soon; the returned event is set when it ends, and never if it was dropped."""
        done = Event()
        with suppress(Full):
            self._jobs.put_nowait((job, done))
        # If no thread can be started, the jobs wait until one can.
        with self._lock, suppress(RuntimeError):
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name="prefixwarm-observe", daemon=True)
                self._thread.start()
        return done

    def flush(self, seconds: float) -> bool:
        """Wait until all jobs so far are done; return whether they are."""
        return self.do(lambda: None).wait(seconds)

    def _work(self) -> None:
        # An idle thread ends after a while, so that none outlives a fork or a test.
        while True:
            try:
                job, done = self._jobs.get(timeout=5.0)
            except Empty:
                return
            with suppress(Exception):
                job()
            done.set()
