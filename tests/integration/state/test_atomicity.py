"""The emulator's conditional writes are atomic, or no test of leases on it means anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from prefixwarm.wire.aws import AwsClient, AwsError
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

CALLERS = 50


def all_at_once(work: Callable[[int], Any], callers: int = CALLERS) -> list[Any]:
    """Run it in that many threads, released together."""
    barrier = Barrier(callers)

    def released(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(released, range(callers)))


def test_one_of_fifty_conditional_writes_wins(signed: AwsClient, table: str) -> None:
    """Five races for an item that must not exist."""
    until = Deadline.after(60)
    for _ in range(5):
        key = {"pk": {"S": f"race/{uuid4().hex}"}}

        def attempt(number: int, key: dict[str, Any] = key) -> bool:
            item = {**key, "winner": {"N": str(number)}}
            condition = {"ConditionExpression": "attribute_not_exists(pk)"}
            try:
                signed.call(
                    "dynamodb", "PutItem", {"TableName": table, "Item": item, **condition}, until
                )
            except AwsError as error:
                if error.error_type == "ConditionalCheckFailedException":
                    return False
                raise
            return True

        won = all_at_once(attempt)
        kept = signed.call("dynamodb", "GetItem", {"TableName": table, "Key": key}, until)
        assert won.count(True) == 1
        assert kept["Item"]["winner"] == {"N": str(won.index(True))}


def test_no_addition_is_lost(signed: AwsClient, table: str) -> None:
    """ADD from many callers at once."""
    until = Deadline.after(60)
    key = {"pk": {"S": f"sum/{uuid4().hex}"}}
    addition = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "ADD summed :one",
        "ExpressionAttributeValues": {":one": {"N": "0.001"}},
    }
    all_at_once(
        lambda _: [signed.call("dynamodb", "UpdateItem", addition, until) for _ in range(4)]
    )
    kept = signed.call("dynamodb", "GetItem", {"TableName": table, "Key": key}, until)
    assert float(kept["Item"]["summed"]["N"]) == pytest.approx(CALLERS * 4 * 0.001)
