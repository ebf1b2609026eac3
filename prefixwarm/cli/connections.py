"""The command line's connections: the state, the provider and AWS."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prefixwarm.cli import aws_profile
from prefixwarm.errors import SettingsError
from prefixwarm.settings import TABLE
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.warm import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.warm.connections import Connections

Command = TypeVar("Command", bound="Callable[..., Any]")


def state_option(text: str) -> Callable[[Command], Command]:
    """Give a command `--state`, with this help."""
    file = click.Path(dir_okay=False, path_type=Path)
    return click.option("--state", "state_file", type=file, help=text)


@contextmanager
def connect() -> Iterator[Connections]:
    """Read the settings, open the connections, and close them afterwards.

    Raises
    ------
    SettingsError
        If a setting is invalid.
    """
    environ = aws_profile.located()
    connected = connections.connect(environ, credentials=aws_profile.credentials(environ))
    try:
        yield connected
    finally:
        connected.transport.close()


def state_in(file: Path | None, connected: Connections) -> StateStore:
    """The state in the file, else in the configured table, else in memory.

    Raises
    ------
    SettingsError
        If the file is not a regular file.
    """
    if file is not None:
        if file.exists() and not file.is_file():
            raise SettingsError(f"--state {file}: is not a regular file")
        return FileState(file)
    table = connected.settings.table
    return StateStore(table, signed_calls(connected.aws)) if table else MemoryState()


def existing_state(file: Path | None, connected: Connections) -> StateStore:
    """A state that already exists.

    Raises
    ------
    SettingsError
        If neither a file nor a table is given, or the file does not exist.
    """
    if file is not None and not file.exists():
        raise SettingsError(f"--state {file}: no such file")
    if file is None and not connected.settings.table:
        raise SettingsError(
            f"there is no state to read: give --stack, --table or --state FILE, or set {TABLE}"
        )
    return state_in(file, connected)
