"""Calls DynamoDB operations: interprets errors and retries.

The extension sends operations by signed HTTP (`signed_calls`), all other callers with boto3's
low-level client (`prefixwarm.keepwarm.dynamodb_boto3`). This module holds what both share.
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

        Raises ConditionFailed, TableBusyError if a retry may succeed, or StateError for every other
        failure.
        """

        def __call__(
            self, operation: str, parameters: dict[str, Any], deadline: Deadline
        ) -> dict[str, Any]:
            """Send the parameters and return the reply."""


# Throttling, a concurrent write, or a DynamoDB failure. Retrying is safe even if the refused write
# was applied: every write has a condition or a token against that.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_BUSY = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
)
# Operations that may have a condition; a condition error from any other is unexpected.
_CONDITIONAL = ("UpdateItem", "TransactWriteItems")
# The same errors as reasons for a cancelled transaction; "None" is an item that was fine.
_BUSY_REASONS = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

_FIRST_PAUSE = 0.025
_LONGEST_PAUSE = 0.8


_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class ConditionFailed(Exception):  # noqa: N818 - a result, not an error
    """The condition of a write does not hold; `item` is the stored item."""

    def __init__(self, item: Mapping[str, Any] | None) -> None:
        self.item = item or {}
        super().__init__("the condition does not hold")


class TableBusyError(StateError):
    """The table could not process the request; a retry may succeed."""


def refusal(operation: str, code: str, status: int, reply: Mapping[str, Any]) -> Exception:
    """Return the exception for a DynamoDB error.

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
    """Why a transaction was cancelled, for all its items."""
    reasons = reply.get("CancellationReasons")
    listed = reasons if isinstance(reasons, list) else ()
    return {str(reason.get("Code")) for reason in listed if isinstance(reason, dict)}


def replied_at(reply: Mapping[str, Any]) -> float | None:
    """Return when the table replied by its own clock, in epoch seconds, or None if not given.

    Parses the date itself because importing the e-mail package costs the init phase too much.
    """
    headers = (reply.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
    try:
        _, day, month, year, clock, _ = headers["date"].split(" ")
        hours, minutes, seconds = clock.split(":")
        months = int(year) * 12 + _MONTHS.index(month) // 3 - 2
        # Years counted from March end with the leap day.
        years, later = divmod(months, 12)
        days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * later + 2) // 5
        days += int(day) - 719_469
        return days * 86_400.0 + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    except (KeyError, ValueError, AttributeError):
        return None


def persistent(call: DynamoCall) -> DynamoCall:
    """Wrap a call so that it is retried while the table is busy, until the deadline.

    Pauses double, up to 0.8 seconds, and have random lengths, so that callers refused together do
    not retry together.
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
    """Return a `DynamoCall` by signed HTTP."""

    def call(operation: str, parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        try:
            return aws.call("dynamodb", operation, parameters, deadline)
        except AwsError as error:
            raise refusal(operation, error.error_type, error.status, error.reply) from error
        except (TransportError, CredentialsError, SettingsError) as error:
            raise StateError(f"the table cannot be reached: {error}") from error

    return call
