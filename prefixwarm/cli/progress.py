"""Shows progress on a terminal when a command takes longer than a second."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from itertools import count as count_from
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")

# Shorter work shows no line.
_AFTER_SECONDS = 1.0
_EVERY_SECONDS = 0.5
# Permanent lines, if others print too: after 1 and 10 seconds, then every 60.
_LINES_AT = (1.0, 10.0, 60.0)
_ERASE = "\r\x1b[K"
_LONGEST = 60


class _Line:
    """The process's one progress line; any other output erases it first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_shown = False

    def show(self, text: str) -> None:
        with self._lock:
            _write(f"{_ERASE}{text}")
            self._is_shown = True

    def erase(self) -> None:
        with self._lock:
            if self._is_shown:
                _write(_ERASE)
            self._is_shown = False


_line = _Line()


def erase_progress() -> None:
    """Erase the progress line before other output."""
    _line.erase()


def progress(text: str) -> AbstractContextManager[None]:
    """Show this text and the elapsed seconds, after the first second, until the work is done.

    Writes to standard error if it is a terminal that can erase a line; never to a pipe or in CI.

    Parameters
    ----------
    text : str
        What is being done, such as ``building the layer``.
    """
    return _shown(_keep_line, printable(text, _LONGEST))


def progress_lines(text: str, count: Callable[[], str] = str) -> AbstractContextManager[None]:
    """Show progress in permanent lines, because others such as an agent print here too.

    Parameters
    ----------
    text : str
        What is being done.
    count : callable
        Returns the progress in words.
    """

    def status() -> str:
        return ", ".join(filter(None, (printable(text, _LONGEST), printable(count(), _LONGEST))))

    return _shown(_print_lines, status)


def is_watched() -> bool:
    """Whether standard error is a terminal that can erase a line, and this is not CI."""
    if os.environ.get("CI") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def _shown(show: Callable[[T, Event], None], what: T) -> Iterator[None]:
    if not is_watched():
        yield
        return
    done = Event()
    thread = Thread(target=show, args=(what, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _line.erase()


def _keep_line(text: str, done: Event) -> None:
    started, pause = monotonic(), _AFTER_SECONDS
    while not done.wait(pause):
        _line.show(f"{text} ... {monotonic() - started:.0f} s")
        pause = _EVERY_SECONDS


def _print_lines(status: Callable[[], str], done: Event) -> None:
    started = monotonic()
    for at in chain(_LINES_AT, count_from(2 * _LINES_AT[-1], _LINES_AT[-1])):
        if done.wait(max(0.0, started + at - monotonic())):
            return
        _write(f"{status()} ... {at:.0f} s\n")


def _write(text: str) -> None:
    # A closed terminal must not fail the work.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
