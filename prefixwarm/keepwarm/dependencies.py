"""The dependencies of a tick or a worker's batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prefixwarm.prefix.manifest import MOST_IN_A_TICK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient

    from prefixwarm.keepwarm.queue import Queue
    from prefixwarm.provider.client import Provider
    from prefixwarm.settings import Settings
    from prefixwarm.state.store import StateStore


AT_ONCE = 500


@dataclass(frozen=True)
class Dependencies:
    """One environment's settings and connections; `clock` returns epoch seconds.

    A tick, a batch and an ask take all of them, and pass to each step what it needs. `queue`
    receives the calls beyond `most_in_a_tick`; None if a tick makes all calls. At most `at_once`
    prefixes are processed together, because each holds its whole prompt; as many are registered
    first, and more if time is left.
    """

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)  # may hold keys
    store: StateStore
    provider: Provider
    cloudwatch: CloudWatchClient
    clock: Callable[[], float]
    queue: Queue | None = None
    most_in_a_tick: int = MOST_IN_A_TICK
    at_once: int = AT_ONCE
