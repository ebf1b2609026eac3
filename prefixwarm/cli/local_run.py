"""What commands that run something on the local cloud have in common."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefixwarm.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.closed_network import ClosedNetwork


@contextmanager
def closed_network() -> Iterator[ClosedNetwork]:
    """Cut this process off from everything but itself.

    Raises
    ------
    LocalCloudError
        When the kernel forbids it.
    """
    from prefixwarm.local.closed_network import ClosedNetwork

    # Who is terminated takes servers and environments along, as who is interrupted does.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with ClosedNetwork() as network:
            yield network
    finally:
        signal.signal(signal.SIGTERM, before)


def progress_notes() -> Callable[[str], None]:
    """Says on standard error what happens, with the seconds since now."""
    started = time.monotonic()

    def progress(text: str) -> None:
        note(f"{time.monotonic() - started:6.1f} s  {text}")

    return progress
