"""Shared parts of the commands that use the local cloud."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefixwarm.cli.output import line, note, table
from prefixwarm.extras import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.closed_network import ClosedNetwork
    from prefixwarm.local.measured_run import MeasuredRun


@contextmanager
def closed_network() -> Iterator[ClosedNetwork]:
    """Cut this process off from every network.

    Raises
    ------
    LocalCloudError
        If the kernel forbids it.
    ModuleNotFoundError
        If a part of what runs in it is not installed.
    """
    # Some of it runs in processes of its own, and so would be missed only after minutes.
    for module in missing():
        raise ModuleNotFoundError(name=module)
    from prefixwarm.local.closed_network import ClosedNetwork

    # Termination stops servers and environments, as an interrupt does.
    with handling(signal.SIGTERM, lambda *_: sys.exit(143)), ClosedNetwork() as network:
        yield network


@contextmanager
def handling(number: int, handler: Callable[..., None]) -> Iterator[None]:
    """Handle a signal this way, until the end of the block."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def show_table(run: MeasuredRun, wide: bool) -> None:
    """Print a run as a table that fits the terminal, with a legend."""
    from prefixwarm.local import run_table

    optional = [(name,) for name in run_table.LEAST_IMPORTANT]
    table(run_table.rows(run), optional=optional, wide=wide)
    line()
    for text in run_table.notes(run):
        line(text)


def progress_notes() -> Callable[[str], None]:
    """Return a function that prints progress to standard error, with the elapsed seconds."""
    started = time.monotonic()

    def progress(text: str) -> None:
        note(f"{time.monotonic() - started:6.1f} s  {text}")

    return progress
