"""Creates a table of the warm state where nothing is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixwarm.local.local_aws import LocalAws


def create_state_table(aws: LocalAws, name: str) -> None:
    """Create a table with the same keys and index as the construct's."""
    kinds = {"pk": "S", "due_shard": "S", "due_at": "N"}
    index = {"due_shard": "HASH", "due_at": "RANGE"}
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": key, "KeyType": kind} for key, kind in index.items()
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
