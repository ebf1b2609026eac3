"""The store of warm states, for code that warms or observes."""

from __future__ import annotations

from prefixwarm.state.traffic_operations import TrafficOperations
from prefixwarm.state.warm_operations import WarmOperations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.traffic_report import TrafficReport
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


class WarmStore(WarmOperations, TrafficOperations):
    """A store of warm states in one DynamoDB table; see `TableAccess` for its parameters.

    Every method is atomic. It raises StateError if the store cannot be reached in time, and
    StateItemError if it reads an invalid item. Times are epoch seconds.
    """

    def report(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """Record a process's report of a prefix's requests once; `state` is as last read."""
        # The init phase reports nothing, so it must not load this.
        from prefixwarm.state.report_operations import send

        send(self, self._update, report, state, deadline)
