"""Sends pending reports when the process ends: at exit, and in Lambda at SIGTERM.

Since 3.12, Lambda's Python runtimes run SIGTERM handlers; older ones wait for the next request in
native code. The layer sends what is left there, or after a kill.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from prefixwarm.observe.line_output import in_lambda

if TYPE_CHECKING:
    from prefixwarm.observe.outbox import Outbox


# Lambda kills the runtime 300 ms after the signal.
_SIGTERM_SECONDS = 0.25
_EXIT_SECONDS = 0.5
_FIRST_WITH_SIGTERM = (3, 12)

_outboxes: WeakSet[Outbox] = WeakSet()
# Handlers that ours replaced, the latest last.
_before: list[Any] = []
_depth = 0


def send_at_end(outbox: Outbox) -> None:
    """Send this outbox's reports when the process ends."""
    if not _outboxes:
        atexit.register(_send, _EXIT_SECONDS)
    _outboxes.add(outbox)
    handle_sigterm()


def handle_sigterm() -> None:
    """Install our handler in front of the current one; repeat if the function has set its own.

    Only the main thread can do so, and only in Lambda does the signal mean that the end is near.
    """
    if not in_lambda() or sys.version_info < _FIRST_WITH_SIGTERM:
        return
    if threading.current_thread() is not threading.main_thread():
        return
    with suppress(Exception):
        current = signal.getsignal(signal.SIGTERM)
        if current is not None and current is not _on_sigterm:
            signal.signal(signal.SIGTERM, _on_sigterm)
            _before.append(current)


def _on_sigterm(number: int, frame: Any) -> None:
    """Send, then call the previous handler; if that calls ours, call the one before."""
    global _depth
    _depth += 1
    try:
        if _depth == 1:
            _send(_SIGTERM_SECONDS)
        handler = _before[-_depth] if _depth <= len(_before) else signal.SIG_DFL
        if callable(handler):
            handler(number, frame)
        elif handler == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        _depth -= 1


def _send(seconds: float) -> None:
    for outbox in list(_outboxes):
        with suppress(Exception):
            if outbox.waiting:
                outbox.send_all(seconds)
