"""Threads that do the work, and one flight for each key."""

from __future__ import annotations

from contextvars import ContextVar
from threading import Event, Lock

import pytest

from prefixwarm.library.single_flight import SingleFlight
from prefixwarm.library.worker_threads import WorkerThreads
from tests.helpers.forking import holds_in_child
from tests.helpers.waiting import PATIENCE

NAME: ContextVar[str] = ContextVar("name", default="")


def test_so_many_at_a_time() -> None:
    """And no more, however many are asked for."""
    lock, running, most, done = Lock(), 0, 0, []
    workers, three, all_done = WorkerThreads(3), Event(), Event()

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                three.set()
        three.wait(PATIENCE)
        Event().wait(0.005)
        with lock:
            running -= 1
            done.append(1)
            if len(done) == 30:
                all_done.set()

    for _ in range(30):
        workers.do(job)
    assert all_done.wait(PATIENCE)
    assert most == 3


def test_the_callers_context() -> None:
    """Is the job's, as hooks and traces of the client want it."""
    flights: SingleFlight[str] = SingleFlight(WorkerThreads(1))
    NAME.set("caller")
    future, own = flights.join("key", NAME.get)
    assert (future.result(PATIENCE), own) == ("caller", True)


def test_who_comes_later_joins() -> None:
    """While the work is done; afterwards it is done again."""
    flights: SingleFlight[int] = SingleFlight(WorkerThreads(2))
    release = Event()

    def work() -> int:
        release.wait(PATIENCE)
        return 1

    first, own = flights.join("key", work)
    second, joined = flights.join("key", lambda: 2)
    other, _ = flights.join("other", lambda: 3)
    assert other.result(PATIENCE) == 3
    release.set()
    assert (first.result(PATIENCE), second.result(PATIENCE), own, joined) == (1, 1, True, False)
    assert flights.join("key", lambda: 2)[0].result(PATIENCE) == 2


def test_an_error_reaches_all() -> None:
    """And leaves nothing under way."""
    flights: SingleFlight[int] = SingleFlight(WorkerThreads(1))
    future, _ = flights.join("key", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        future.result(PATIENCE)
    assert flights.join("key", lambda: 2)[0].result(PATIENCE) == 2


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the interpreter's end: the caller is told, and nothing stays under way."""
    flights: SingleFlight[int] = SingleFlight(WorkerThreads(1))

    def refuse(_self: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("prefixwarm.library.worker_threads.Thread.start", refuse)
        with pytest.raises(RuntimeError):
            flights.join("key", lambda: 1)
    assert flights.join("key", lambda: 2)[0].result(PATIENCE) == 2


def test_in_a_forked_process() -> None:
    """Locks that another thread held at the fork are free, and threads are started anew."""
    workers = WorkerThreads(1)
    flights: SingleFlight[int] = SingleFlight(workers)
    release = Event()
    under_way, _ = flights.join("key", lambda: int(release.wait(PATIENCE)))
    flights._lock.acquire()
    workers._ready.acquire()
    survived = holds_in_child(lambda: flights.join("key", lambda: 5)[0].result(PATIENCE) == 5)
    workers._ready.release()
    flights._lock.release()
    release.set()
    assert survived
    assert under_way.result(PATIENCE) == 1
