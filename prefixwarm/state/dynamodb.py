"""The warm state in DynamoDB.

Each operation is defined once, as the parameters of one request of DynamoDB's API, and grouped by
who asks for it. Whoever can send those parameters can keep the state: the extension by signed HTTP
(`prefixwarm.state.table_call`), other functions with boto3
(`prefixwarm.keepwarm.dynamodb_boto3`), this process and files by a table of their own
(`prefixwarm.state.local_table`).
"""

from __future__ import annotations

from prefixwarm.state.due_operations import DueOperations
from prefixwarm.state.ledger_operations import LedgerOperations
from prefixwarm.state.warm_table import WarmTable


class DynamoState(WarmTable, DueOperations, LedgerOperations):
    """A `StateStore` on one DynamoDB table; see `TableAccess` for its parameters."""
