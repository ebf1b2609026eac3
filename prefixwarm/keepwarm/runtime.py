"""One environment of the keep-warm function and of its workers."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING

import boto3

from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.keepwarm.catalog import PrefixCatalog
from prefixwarm.keepwarm.connection_pool import ConnectionPool
from prefixwarm.keepwarm.dependencies import Dependencies
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls, quick
from prefixwarm.keepwarm.fan_out import Queue
from prefixwarm.keepwarm.kill_switch import stopped
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.route_breaker import WatchedProvider
from prefixwarm.keepwarm.s3 import Bucket, split_url
from prefixwarm.keepwarm.tick import tick
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.settings import TABLE, Settings
from prefixwarm.state.dynamodb import DynamoState
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.wire.deadline import Deadline


class Runtime:
    """One environment: its connections, and its manifest once read.

    Parameters
    ----------
    environ
        Settings, credentials and endpoints.
    clock
        Tells epoch seconds.

    Raises
    ------
    SettingsError
        When a setting is missing or not understood.
    """

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time) -> None:
        self.settings = Settings.from_environment(environ)
        if self.settings.table is None:
            raise SettingsError(f"{TABLE} is not set; set it to the table of the warm state")
        bucket, self._manifest_key = split_url(self.settings.manifest)
        self.dependencies = _dependencies(
            environ, self.settings, self.settings.table, bucket, clock
        )
        self._catalog: PrefixCatalog | None = None

    def tick(self, deadline: Deadline) -> TickReport:
        """See `prefixwarm.keepwarm.tick.tick`; nothing is done while keep-warm is switched off.

        Raises
        ------
        SettingsError
            When the manifest or the kill switch cannot be used.
        """
        if reason := self.stopped():
            return TickReport(stopped=reason)
        return tick(self.dependencies, self.catalog(), deadline)

    def stopped(self) -> str:
        """See `prefixwarm.keepwarm.kill_switch.stopped`."""
        return stopped(self.settings, self.dependencies.ssm)

    def catalog(self) -> PrefixCatalog:
        """The prefixes of the manifest.

        Raises
        ------
        SettingsError
            When the manifest cannot be used.
        """
        if self._catalog is None:
            dependencies, key = self.dependencies, self._manifest_key
            self._catalog = PrefixCatalog(
                dependencies.bucket,
                key,
                dependencies.settings,
                dependencies.environ,
                _broken,
                dependencies.clock(),
            )
        return self._catalog

    def close(self) -> None:
        """Close idle connections to the provider."""
        self.dependencies.transport.close()


_runtimes: list[Runtime] = []


def runtime() -> Runtime:
    """The one of this process; a broken one is not kept."""
    if not _runtimes:
        _runtimes.append(Runtime(os.environ))
    return _runtimes[0]


def _dependencies(
    environ: Mapping[str, str],
    settings: Settings,
    table: str,
    bucket: str,
    clock: Callable[[], float],
) -> Dependencies:
    transport = ConnectionPool(environ)
    aws = AwsClient(
        transport=transport, credentials=aws_credentials(environ, transport), environ=environ
    )
    short, patient = quick(read_seconds=2), quick(read_seconds=10)
    return Dependencies(
        settings=settings,
        environ=environ,
        store=DynamoState(table, boto_calls(boto3.client("dynamodb", config=short))),
        transport=transport,
        provider=WatchedProvider(transport, aws, settings.api_key_secret, environ),
        bucket=Bucket(boto3.client("s3", config=patient), bucket),
        cloudwatch=boto3.client("cloudwatch", config=patient),
        ssm=boto3.client("ssm", config=short),
        clock=clock,
        queue=_queue(settings.queue),
    )


def _queue(url: str | None) -> Queue | None:
    return Queue(boto3.client("sqs", config=quick(read_seconds=5)), url) if url else None


def _broken(error: PrefixFileError) -> None:
    logger.error(
        "a prefix file cannot be used; the others are kept warm",
        file=error.source,
        field=error.field or None,
        what=error.problem,
    )
