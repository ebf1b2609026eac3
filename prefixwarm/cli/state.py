"""Where the command line finds the warm state: a table, or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.core.aws import AwsClient
from prefixwarm.core.dynamo import DynamoState, signed_calls
from prefixwarm.core.errors import SettingsError
from prefixwarm.core.http import HttpTransport
from prefixwarm.core.memory import FileState, MemoryState
from prefixwarm.core.settings import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefixwarm.core.seams import StateStore
    from prefixwarm.core.settings import Settings

__all__ = ["aws_client", "known_state", "open_state"]


def aws_client(environ: Mapping[str, str]) -> AwsClient:
    """AWS's services with this machine's credentials."""
    from prefixwarm.cli import aws

    return AwsClient(
        transport=HttpTransport(), credentials=aws.credentials(environ), environ=environ
    )


def open_state(file: Path | None, settings: Settings, client: AwsClient) -> StateStore:
    """The file, else the table that the settings name, else a state that nobody shares."""
    if file is not None:
        return FileState(file)
    if settings.table:
        return DynamoState(settings.table, signed_calls(client))
    return MemoryState()


def known_state(file: Path | None, settings: Settings, client: AwsClient) -> StateStore:
    """A state that there is something to read in.

    Raises
    ------
    SettingsError
        When neither a file nor a table is named, or the file is not there.
    """
    if file is not None and not file.exists():
        raise SettingsError(f"--state {file}: there is no such file")
    if file is None and not settings.table:
        raise SettingsError(f"there is no state to read: set {TABLE} or give --state FILE")
    return open_state(file, settings, client)
