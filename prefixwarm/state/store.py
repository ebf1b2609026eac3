"""The warm state in DynamoDB.

Each operation is defined once, as the parameters of one DynamoDB API request, and grouped by
caller. The parameters are sent by signed HTTP in the extension (`prefixwarm.state.table_call`), by
boto3 in other functions (`prefixwarm.keepwarm.dynamodb_boto3`), and to a local table for memory and
files (`prefixwarm.state.local_table`).
"""

from __future__ import annotations

from prefixwarm.state.due_operations import DueOperations
from prefixwarm.state.ledger_operations import LedgerOperations
from prefixwarm.state.traffic_store import TrafficStore


class StateStore(TrafficStore, DueOperations, LedgerOperations):
    """A `TrafficStore` with the operations of the keep-warm function."""
