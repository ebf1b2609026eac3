"""Accesses the warm state through boto3, with the same operations as the init phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.boto_replies import code_of, replies
from prefixwarm.errors import StateError
from prefixwarm.state.table_call import refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from prefixwarm.state.table_call import DynamoCall
    from prefixwarm.wire.deadline import Deadline


CONNECTIONS = 64


def quick(read_seconds: float) -> Config:
    """A client configuration for callers with little time: two attempts, then an error."""
    return Config(
        connect_timeout=2,
        read_timeout=read_seconds,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
    )


def boto_calls(client: DynamoDBClient) -> DynamoCall:
    """Return a `DynamoCall` by boto3's low-level client."""
    operations: dict[str, Any] = {
        "GetItem": client.get_item,
        "UpdateItem": client.update_item,
        "Query": client.query,
        "BatchGetItem": client.batch_get_item,
        "TransactWriteItems": client.transact_write_items,
    }

    def call(operation: str, parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        if deadline.expired:
            raise StateError(f"the table cannot be reached: no time is left for {operation}")
        try:
            with replies():
                reply: dict[str, Any] = operations[operation](**parameters)
        except ClientError as error:
            answer = cast("dict[str, Any]", error.response)
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise refusal(operation, code_of(error), status, answer) from error
        except BotoCoreError as error:
            raise StateError(f"the table cannot be reached: {error}") from error
        return reply

    return call
