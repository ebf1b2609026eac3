"""The context that the steps of one start share."""

from __future__ import annotations

import os
from time import monotonic

from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.provider.client import Provider
    from prefixwarm.settings import Settings
    from prefixwarm.state.warm_state import State
    from prefixwarm.state.warm_store import WarmStore
    from prefixwarm_extension.init_policy import Decision, Start
    from prefixwarm_extension.ready_signal import ReadySignal


CA_FOLDER = "/opt/prefixwarm/ca"


class StartContext(Record):
    """The environment of a start, its decisions, and its connections.

    `began` is on the monotonic clock; `seen` holds the states read, by key; `decisions` holds the
    decisions to send, by prefix name; `first` is the prefix to warm before any request was seen to
    use it.
    """

    environ: Mapping[str, str]
    settings: Settings
    start: Start
    began: float
    store: WarmStore | None
    provider: Provider
    ready: ReadySignal
    seen: dict[str, State]
    decisions: dict[str, Decision]
    first: str = ""

    @classmethod
    def of(
        cls,
        environ: Mapping[str, str],
        settings: Settings,
        start: Start,
        began: float,
        ready: ReadySignal,
    ) -> StartContext:
        """Create the context without connecting."""
        ca_folder = CA_FOLDER if os.path.isdir(CA_FOLDER) else None
        connections = connect(environ, settings, ca_folder=ca_folder)
        return cls(
            environ=environ,
            settings=settings,
            start=start,
            began=began,
            store=connections.store,
            provider=connections.provider,
            ready=ready,
            seen={},
            decisions={},
        )

    @property
    def hold_ends(self) -> Deadline:
        """When the function continues without us."""
        return Deadline(self.began + self.start.hold)

    @property
    def held(self) -> float:
        """Seconds since the start began."""
        return monotonic() - self.began

    @property
    def function(self) -> str:
        """The function's name."""
        return self.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")

    def key(self, call: WarmCall) -> str:
        """The key of this prefix's warm state."""
        return call.key(self.settings.cache_scope, self.environ)

    def owner(self) -> str:
        """A readable, unique name for a lease."""
        return f"{self.environ.get('AWS_LAMBDA_LOG_STREAM_NAME', 'init')}-{os.urandom(6).hex()}"
