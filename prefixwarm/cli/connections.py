"""What the command line can reach from this machine: the state, the provider, AWS."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefixwarm.cli import aws_profile
from prefixwarm.errors import SettingsError
from prefixwarm.settings import TABLE
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.warm import connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.connections import Connections


@contextmanager
def connect() -> Iterator[Connections]:
    """Read the settings, and close the connections afterwards.

    Raises
    ------
    SettingsError
        When a setting is not understood.
    """
    environ = aws_profile.located()
    connected = connections.connect(environ, credentials=aws_profile.credentials(environ))
    try:
        yield connected
    finally:
        connected.transport.close()


def state_in(file: Path | None, connected: Connections) -> StateStore:
    """The file, else the table that the settings name, else a state that nobody shares.

    Raises
    ------
    SettingsError
        When the file is a device or the like.
    """
    if file is not None:
        if file.exists() and not file.is_file():
            raise SettingsError(f"--state {file}: is not a regular file")
        return FileState(file)
    return connected.store or MemoryState()


def existing_state(file: Path | None, connected: Connections) -> StateStore:
    """A state that there is something to read in.

    Raises
    ------
    SettingsError
        When neither a file nor a table is named, or the file is not there.
    """
    if file is not None and not file.exists():
        raise SettingsError(f"--state {file}: there is no such file")
    if file is None and connected.store is None:
        raise SettingsError(f"there is no state to read: set {TABLE} or give --state FILE")
    return state_in(file, connected)
