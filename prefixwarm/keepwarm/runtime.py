"""The runtime of one environment of the keep-warm function or its workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3

from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.keepwarm.asked import warm_asked
from prefixwarm.keepwarm.catalog import PrefixCatalog
from prefixwarm.keepwarm.dependencies import Dependencies
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls, quick
from prefixwarm.keepwarm.kill_switch import stopped
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.missed_ticks import ticks_missed
from prefixwarm.keepwarm.queue import Queue
from prefixwarm.keepwarm.s3 import Bucket, split_url
from prefixwarm.keepwarm.tick import tick
from prefixwarm.settings import TABLE, Settings
from prefixwarm.state.store import StateStore
from prefixwarm.warm.connections import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.keepwarm.ask_event import AskEvent
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.wire.deadline import Deadline


class Runtime:
    """One environment: its connections, and its manifest once loaded.

    Parameters
    ----------
    environ
        Settings, credentials and endpoints.
    clock
        Returns epoch seconds; None for the table's time.

    Raises
    ------
    SettingsError
        A setting is missing or invalid.
    """

    def __init__(
        self, environ: Mapping[str, str], clock: Callable[[], float] | None = None
    ) -> None:
        self.settings = settings = Settings.from_environment(environ)
        if settings.table is None:
            raise SettingsError(f"{TABLE} is not set; set it to the table of the warm state")
        bucket, self._manifest_key = split_url(settings.manifest)
        short, patient = quick(read_seconds=2), quick(read_seconds=10)
        self._bucket = Bucket(boto3.client("s3", config=patient), bucket)
        self._ssm = boto3.client("ssm", config=short)
        connections = connect(environ, settings)
        store = StateStore(settings.table, boto_calls(boto3.client("dynamodb", config=short)))
        self._transport = connections.transport
        self.dependencies = Dependencies(
            settings=settings,
            environ=environ,
            store=store,
            provider=connections.provider,
            cloudwatch=boto3.client("cloudwatch", config=patient),
            clock=clock or store.now,
            queue=_queue(settings.queue),
        )
        self._catalog: PrefixCatalog | None = None
        self._ticked_at: float | None = None

    def tick(self, deadline: Deadline, report: TickReport) -> None:
        """See `prefixwarm.keepwarm.tick.tick`; does nothing while keep-warm is switched off.

        Raises
        ------
        SettingsError
            The manifest or the kill switch cannot be used.
        StateError
            The state cannot be used.
        """
        now = self.dependencies.clock()
        missed, self._ticked_at = ticks_missed(self._ticked_at, now), now
        report.stopped = self.stopped()
        if not report.stopped:
            # Other environments may have run them: the tick counts none while nothing is overdue.
            report.missed = missed
            tick(self.dependencies, self.catalog(), deadline, report)

    def warm(self, asked: AskEvent, deadline: Deadline, report: TickReport) -> list[Outcome]:
        """See `prefixwarm.keepwarm.asked.warm_asked`.

        Raises
        ------
        UsageError
            A name is unknown, or the manifest cannot be used; nothing is sent.
        """
        return warm_asked(asked, self.dependencies, self.catalog(), deadline, report, self.stopped)

    def stopped(self) -> str:
        """See `prefixwarm.keepwarm.kill_switch.stopped`."""
        return stopped(self.settings, self._ssm)

    def catalog(self) -> PrefixCatalog:
        """The prefixes of the manifest.

        Raises
        ------
        SettingsError
            The manifest cannot be used.
        """
        if self._catalog is None:
            self._catalog = PrefixCatalog(
                self._bucket,
                self._manifest_key,
                self.settings,
                self.dependencies.environ,
                _broken,
                self.dependencies.clock(),
            )
        self._catalog.learn_keys()
        return self._catalog

    def close(self) -> None:
        """Close idle connections to the provider."""
        self._transport.close()


# The process's runtime, once created; code that runs several in turn sets each here.
CURRENT: list[Runtime] = []


def runtime() -> Runtime:
    """The process's runtime; not kept if creating it fails."""
    if not CURRENT:
        CURRENT.append(Runtime(os.environ))
    return CURRENT[0]


def _queue(url: str | None) -> Queue | None:
    return Queue(boto3.client("sqs", config=quick(read_seconds=5)), url) if url else None


def _broken(error: PrefixFileError) -> None:
    logger.error(
        "a prefix file cannot be used; the others are kept warm",
        file=error.source,
        field=error.field or None,
        what=error.problem,
    )
