"""Connects a caller to the provider, AWS and the warm state."""

from __future__ import annotations

from prefixwarm.provider.client import Provider
from prefixwarm.settings import Settings
from prefixwarm.state.table_call import signed_calls
from prefixwarm.state.warm_table import WarmTable
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.state.store import StateStore, WarmStore
    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.sigv4 import AwsCredentials


class Connections(Record):
    """One environment's settings and connections.

    `store` is the table named in the settings, or None; `warm_store` is the same table with only
    the operations for warming. No connection is opened before its first request.
    """

    environ: Mapping[str, str]
    settings: Settings
    transport: HttpTransport
    aws: AwsClient
    provider: Provider
    store: StateStore | None
    warm_store: WarmStore | None


def connect(
    environ: Mapping[str, str],
    settings: Settings | None = None,
    *,
    ca_folder: str | None = None,
    credentials: Callable[[Deadline], AwsCredentials] | None = None,
    warms_only: bool = False,
) -> Connections:
    """Create transport, credentials, provider and store.

    Parameters
    ----------
    settings
        Settings already read from `environ`; None to read them.
    ca_folder
        See `HttpTransport`.
    credentials
        Returns the AWS keys; None for those that Lambda provides.
    warms_only
        Whether to leave out `store`, whose code the init phase does not load.

    Raises
    ------
    SettingsError
        A setting is invalid.
    """
    settings = settings or Settings.from_environment(environ)
    transport = HttpTransport(environ, ca_folder)
    aws = AwsClient(
        transport=transport,
        credentials=credentials or aws_credentials(environ, transport),
        environ=environ,
    )
    store: StateStore | None = None
    warm_store: WarmStore | None = None
    if settings.table and warms_only:
        warm_store = WarmTable(settings.table, signed_calls(aws))
    elif settings.table:
        from prefixwarm.state.dynamodb import DynamoState

        warm_store = store = DynamoState(settings.table, signed_calls(aws))
    return Connections(
        environ=environ,
        settings=settings,
        transport=transport,
        aws=aws,
        provider=Provider(transport, aws, settings.api_key_secret, environ),
        store=store,
        warm_store=warm_store,
    )
