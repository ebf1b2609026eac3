"""Tells the launcher, once, that the function may start."""

from __future__ import annotations

import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class ReadySignal:
    """The signal to the launcher, sent once the function has nothing left to wait for.

    Parameters
    ----------
    descriptor
        The pipe to the launcher.
    began
        When the wait began, on the monotonic clock.
    """

    def __init__(self, descriptor: int, began: float) -> None:
        self._descriptor = descriptor
        self._began = began
        self._left: set[int] = set()
        self.held = 0.0

    def expect(self, parts: Iterable[object]) -> None:
        """Send the signal once all of these are complete."""
        self._left = {id(part) for part in parts}

    def complete(self, part: object) -> None:
        """Mark one part as complete: the function need not wait for it."""
        self._left.discard(id(part))
        if not self._left:
            self.send()

    def send(self) -> None:
        """Let the function continue; sets `held`, the seconds it has waited."""
        if not self.held:
            self.held = monotonic() - self._began
            os.write(self._descriptor, b"next\n")
