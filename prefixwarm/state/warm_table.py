"""The warm state in DynamoDB, as far as whoever warms or observes needs it."""

from __future__ import annotations

from prefixwarm.state.traffic_operations import TrafficOperations
from prefixwarm.state.warm_operations import WarmOperations


class WarmTable(WarmOperations, TrafficOperations):
    """A `WarmStore` on one DynamoDB table; see `TableAccess` for its parameters."""
