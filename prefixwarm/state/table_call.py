"""Calls of DynamoDB operations: what a refusal means, and what is sent again.

Whoever can send the parameters of one operation can keep the state: the extension by signed HTTP
(`signed_calls`), everyone else with boto3's low-level client
(`prefixwarm.keepwarm.dynamodb_boto3`). What both have in common stands here.
"""

from __future__ import annotations

import os
from time import sleep

from prefixwarm.errors import CredentialsError, SettingsError, StateError, TransportError
from prefixwarm.wire.aws import AwsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline

    class DynamoCall(Protocol):
        """Calls one DynamoDB operation, such as ``UpdateItem``.

        Raises ConditionFailed, TableBusyError when the same may succeed if it is sent again, or
        StateError for everything else that goes wrong.
        """

        def __call__(
            self, operation: str, parameters: dict[str, Any], deadline: Deadline
        ) -> dict[str, Any]:
            """Send the parameters and return the reply."""


# Throttled, written to by somebody else just now, or DynamoDB's own fault. Every write of ours may
# be sent again, even if the refused one was applied: it holds a condition or a token against that.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_BUSY = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
)
# What may hold a condition. Any other operation that is told of one was not understood.
_CONDITIONAL = ("UpdateItem", "TransactWriteItems")
# The same as the reasons of a transaction's cancellation; "None" is an item without fault.
_BUSY_REASONS = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

_FIRST_PAUSE = 0.025
_LONGEST_PAUSE = 0.8


_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The condition of a write does not hold; `item` is what stands there."""

    def __init__(self, item: Mapping[str, Any] | None) -> None:
        self.item = item or {}
        super().__init__("the condition does not hold")


class TableBusyError(StateError):
    """The table did not answer the request; the same, sent again, may succeed."""


def refusal(operation: str, code: str, status: int, reply: Mapping[str, Any]) -> Exception:
    """The exception that an error of DynamoDB becomes.

    Parameters
    ----------
    code
        The error's name, such as ``ThrottlingException``.
    status
        The HTTP status.
    reply
        The error's own fields.
    """
    writes = operation in _CONDITIONAL
    if writes and code == "ConditionalCheckFailedException":
        item = reply.get("Item")
        return ConditionFailed(item if isinstance(item, dict) else None)
    busy = code in _BUSY or status >= 500
    if writes and code == "TransactionCanceledException":
        reasons = _reasons(reply)
        if not reasons or "ConditionalCheckFailed" in reasons:
            return ConditionFailed(None)
        busy = reasons <= _BUSY_REASONS
        code = ", ".join(sorted(reasons - {"None"}))
    kind = TableBusyError if busy else StateError
    return kind(f"the table refused {operation}: HTTP {status} {code}".rstrip())


def _reasons(reply: Mapping[str, Any]) -> set[str]:
    """Why a transaction was cancelled, over all its items."""
    reasons = reply.get("CancellationReasons")
    listed = reasons if isinstance(reasons, list) else ()
    return {str(reason.get("Code")) for reason in listed if isinstance(reason, dict)}


def replied_at(reply: Mapping[str, Any]) -> float | None:
    """When the table replied by its own clock, in epoch seconds; None where the reply does not say.

    The e-mail package, which parses such dates, costs an init phase too much.
    """
    headers = (reply.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
    try:
        _, day, month, year, clock, _ = headers["date"].split(" ")
        hours, minutes, seconds = clock.split(":")
        months = int(year) * 12 + _MONTHS.index(month) // 3 - 2
        # Years that begin in March end with their leap day.
        years, later = divmod(months, 12)
        days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * later + 2) // 5
        days += int(day) - 719_469
        return days * 86_400.0 + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    except (KeyError, ValueError, AttributeError):
        return None


def persistent(call: DynamoCall) -> DynamoCall:
    """Calls that are sent again while the table is busy, until the deadline, never beyond it.

    The pauses double, up to 0.8 seconds, and are of random length, so that many callers who were
    refused together do not come back together.
    """

    def calls(operation: str, parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        longest = _FIRST_PAUSE
        while True:
            try:
                return call(operation, parameters, deadline)
            except TableBusyError:
                pause = longest * (0.5 + os.urandom(1)[0] / 510)
                if pause >= deadline.remaining():
                    raise
            sleep(pause)
            longest = min(2 * longest, _LONGEST_PAUSE)

    return calls


def signed_calls(aws: AwsClient) -> DynamoCall:
    """DynamoDB by signed HTTP, as `DynamoState` wants it."""

    def call(operation: str, parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        try:
            return aws.call("dynamodb", operation, parameters, deadline)
        except AwsError as error:
            raise refusal(operation, error.error_type, error.status, error.reply) from error
        except (TransportError, CredentialsError, SettingsError) as error:
            raise StateError(f"the table cannot be reached: {error}") from error

    return call
