"""Connects a command to the warm state, the provider and AWS."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.cli import aws_profile
from prefixwarm.errors import SettingsError
from prefixwarm.provider.client import Provider
from prefixwarm.settings import TABLE, Settings
from prefixwarm.state.dynamodb import DynamoState
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.table_call import signed_calls
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from prefixwarm.state.store import StateStore


@dataclass(frozen=True)
class Connections:
    """The environment's settings, and connections made with them."""

    environ: Mapping[str, str]
    settings: Settings
    transport: HttpTransport
    client: AwsClient

    def provider(self) -> Provider:
        """The model provider, with the environment's key or secret."""
        secret = self.settings.api_key_secret
        return Provider(self.transport, self.client, secret, self.environ)

    def state(self, file: Path | None) -> StateStore:
        """The file, else the table that the settings name, else a state that nobody shares.

        Raises
        ------
        SettingsError
            When the file is a device or the like.
        """
        if file is not None:
            if file.exists() and not file.is_file():
                raise SettingsError(f"--state {file}: is no regular file")
            return FileState(file)
        if self.settings.table:
            return DynamoState(self.settings.table, signed_calls(self.client))
        return MemoryState()

    def existing_state(self, file: Path | None) -> StateStore:
        """A state that exists already, for commands that only read.

        Raises
        ------
        SettingsError
            When neither a file nor a table is named, or the file is not there.
        """
        if file is not None and not file.exists():
            raise SettingsError(f"--state {file}: there is no such file")
        if file is None and not self.settings.table:
            raise SettingsError(f"there is no state to read: set {TABLE} or give --state FILE")
        return self.state(file)


@contextmanager
def connect() -> Iterator[Connections]:
    """Read the settings, and close the connections afterwards.

    Raises
    ------
    SettingsError
        When a setting is not understood.
    """
    environ = aws_profile.located()
    settings = Settings.from_environment(environ)
    transport = HttpTransport()
    credentials = aws_profile.credentials(environ)
    client = AwsClient(transport=transport, credentials=credentials, environ=environ)
    try:
        yield Connections(environ, settings, transport, client)
    finally:
        transport.close()
