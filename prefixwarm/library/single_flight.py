"""Makes one call for concurrent requests for the same thing."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from prefixwarm.library.after_fork import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from prefixwarm.library.worker_threads import WorkerThreads


T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Work in progress by key; safe with threads and after a fork.

    Parameters
    ----------
    workers : WorkerThreads
        The threads that do the work.
    """

    def __init__(self, workers: WorkerThreads) -> None:
        self._workers = workers
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Forget work in progress."""
        self._lock = Lock()
        self._flights: dict[Hashable, Future[T]] = {}

    def join(self, key: Hashable, work: Callable[[], T]) -> tuple[Future[T], bool]:
        """Join the work in progress for this key, or start `work`.

        Returns
        -------
        future, bool
            The future cannot be cancelled. The second value is True if `work` was started.

        Raises
        ------
        RuntimeError
            No thread can be started.
        """
        with self._lock:
            under_way = self._flights.get(key)
            if under_way is not None:
                return under_way, False
            future = self._flights[key] = Future()
            future.set_running_or_notify_cancel()
        try:
            self._workers.do(lambda: self._fly(key, future, work))
        except RuntimeError as error:
            self._land(key)
            future.set_exception(error)
            raise
        return future, True

    def _fly(self, key: Hashable, future: Future[T], work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised to the waiter
            self._land(key)
            future.set_exception(error)
        else:
            self._land(key)
            future.set_result(result)

    def _land(self, key: Hashable) -> None:
        with self._lock:
            self._flights.pop(key, None)
