"""One environment of the keep-warm function and of its workers."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING

import boto3

from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.keepwarm.catalog import Fleet
from prefixwarm.keepwarm.connection_pool import Transports
from prefixwarm.keepwarm.dependencies import Parts
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls, quick
from prefixwarm.keepwarm.fan_out import Queue
from prefixwarm.keepwarm.kill_switch import stopped
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.route_breaker import WatchedProvider
from prefixwarm.keepwarm.s3 import Bucket, split_url
from prefixwarm.keepwarm.tick import tick
from prefixwarm.keepwarm.tick_report import Report
from prefixwarm.settings import TABLE, Settings
from prefixwarm.state.dynamodb import DynamoState
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.wire.deadline import Deadline

__all__ = ["Keeper", "keeper"]


class Keeper:
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
        self.parts = _parts(environ, self.settings, self.settings.table, bucket, clock)
        self._fleet: Fleet | None = None

    def tick(self, deadline: Deadline) -> Report:
        """See `prefixwarm.keepwarm.tick.tick`; nothing is done while keep-warm is switched off.

        Raises
        ------
        SettingsError
            When the manifest or the kill switch cannot be used.
        """
        if reason := self.stopped():
            return Report(stopped=reason)
        return tick(self.parts, self.fleet(), deadline)

    def stopped(self) -> str:
        """See `prefixwarm.keepwarm.kill_switch.stopped`."""
        return stopped(self.settings, self.parts.ssm)

    def fleet(self) -> Fleet:
        """The prefixes of the manifest.

        Raises
        ------
        SettingsError
            When the manifest cannot be used.
        """
        if self._fleet is None:
            parts, key = self.parts, self._manifest_key
            self._fleet = Fleet(
                parts.bucket, key, parts.settings, parts.environ, _broken, parts.clock()
            )
        return self._fleet

    def close(self) -> None:
        """Close idle connections to the provider."""
        self.parts.transport.close()


_keepers: list[Keeper] = []


def keeper() -> Keeper:
    """The one of this process; a broken one is not kept."""
    if not _keepers:
        _keepers.append(Keeper(os.environ))
    return _keepers[0]


def _parts(
    environ: Mapping[str, str],
    settings: Settings,
    table: str,
    bucket: str,
    clock: Callable[[], float],
) -> Parts:
    transport = Transports(environ)
    aws = AwsClient(
        transport=transport, credentials=aws_credentials(environ, transport), environ=environ
    )
    short, patient = quick(read_seconds=2), quick(read_seconds=10)
    return Parts(
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
