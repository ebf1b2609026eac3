"""The process's shared observer, the default of all observing functions."""

from __future__ import annotations

from threading import Lock

from prefixwarm.observe.observer import Observer

_lock = Lock()
_observers: list[Observer] = []


def shared_observer() -> Observer:
    """The process's observer with the installed prefix files, created on first use."""
    with _lock:
        if not _observers:
            _observers.append(Observer())
        return _observers[0]
