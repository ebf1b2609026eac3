"""Work that may not delay a request: one thread, which is started when there is some."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


_MOST_WAITING = 100


class Background:
    """Runs jobs one after the other; a job that fails is dropped, and so is one too many."""

    def __init__(self) -> None:
        self._jobs: Queue[tuple[Callable[[], None], Event]] = Queue(_MOST_WAITING)
        self._lock = Lock()
        self._thread: Thread | None = None

    def do(self, job: Callable[[], None]) -> Event:
        """Run `job` soon; the event is set when it is over, and never if it was one too many."""
        done = Event()
        with suppress(Full):
            self._jobs.put_nowait((job, done))
        # Where no thread can be started, the jobs wait for one that can.
        with self._lock, suppress(RuntimeError):
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name="prefixwarm-observe", daemon=True)
                self._thread.start()
        return done

    def flush(self, seconds: float) -> bool:
        """Wait until all jobs so far are done; whether they are."""
        return self.do(lambda: None).wait(seconds)

    def _work(self) -> None:
        # A thread that has nothing to do for a while ends, so that none outlives a fork or a test.
        while True:
            try:
                job, done = self._jobs.get(timeout=5.0)
            except Empty:
                return
            with suppress(Exception):
                job()
            done.set()
