"""Connects a caller to the provider, AWS and the warm state."""

from __future__ import annotations

from prefixwarm.provider.client import Provider
from prefixwarm.settings import Settings
from prefixwarm.state.table_call import signed_calls
from prefixwarm.state.warm_store import WarmStore
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.sigv4 import AwsCredentials


class Connections(Record):
    """One environment's settings and connections.

    `store` has the operations for warming on the table that the settings name; None without one.
    No connection is opened before its first request.
    """

    environ: Mapping[str, str]
    settings: Settings
    transport: HttpTransport
    aws: AwsClient
    provider: Provider
    store: WarmStore | None


def connect(
    environ: Mapping[str, str],
    settings: Settings | None = None,
    *,
    ca_folder: str | None = None,
    credentials: Callable[[Deadline], AwsCredentials] | None = None,
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
    return Connections(
        environ=environ,
        settings=settings,
        transport=transport,
        aws=aws,
        provider=Provider(transport, aws, settings.api_key_secret, environ),
        store=WarmStore(settings.table, signed_calls(aws)) if settings.table else None,
    )
