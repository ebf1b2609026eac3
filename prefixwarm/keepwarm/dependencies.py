"""What the steps of a tick work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ssm import SSMClient

    from prefixwarm.keepwarm.connection_pool import ConnectionPool
    from prefixwarm.keepwarm.fan_out import Queue
    from prefixwarm.keepwarm.route_breaker import WatchedProvider
    from prefixwarm.keepwarm.s3 import Bucket
    from prefixwarm.settings import Settings
    from prefixwarm.state.store import StateStore


@dataclass(frozen=True)
class Dependencies:
    """One environment's connections to the world; `clock` tells epoch seconds.

    `queue` takes what one tick does not do itself; None where a tick does all.
    """

    settings: Settings
    environ: Mapping[str, str]
    store: StateStore
    transport: ConnectionPool
    provider: WatchedProvider
    bucket: Bucket
    cloudwatch: CloudWatchClient
    ssm: SSMClient
    clock: Callable[[], float]
    queue: Queue | None = None
