"""The part of the warm state in DynamoDB that code needs to warm or observe."""

from __future__ import annotations

from prefixwarm.state.traffic_operations import TrafficOperations
from prefixwarm.state.warm_operations import WarmOperations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.traffic_report import TrafficReport
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


class WarmTable(WarmOperations, TrafficOperations):
    """A `WarmStore` on one DynamoDB table; see `TableAccess` for its parameters."""

    def report(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """See `WarmStore`."""
        # The init phase reports nothing, so it must not load this.
        from prefixwarm.state.report_operations import send

        send(self, self._update, report, state, deadline)
