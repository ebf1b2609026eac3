"""Tells the launcher, once, that the function may start."""

from __future__ import annotations

import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class ReadySignal:
    """The signal to the launcher; it is sent when nothing is left that the function waits for.

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
        """Send it as soon as all of these are complete."""
        self._left = {id(part) for part in parts}

    def complete(self, part: object) -> None:
        """The function need not wait for this one any longer."""
        self._left.discard(id(part))
        if not self._left:
            self.send()

    def send(self) -> None:
        """Let the function go on; `held` is then how long it has waited, in seconds."""
        if not self.held:
            self.held = monotonic() - self._began
            os.write(self._descriptor, b"next\n")
