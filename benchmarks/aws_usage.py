"""Counts a deployment's AWS usage: its calls, its log lines and their metrics."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.client import BaseClient

from prefixwarm.wire.aws import AwsClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


# CloudWatch Logs counts 26 bytes for each event beside its text:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
EVENT_BYTES = 26
# START, END and REPORT, which Lambda itself writes at each invocation.
PLATFORM_BYTES = 3 * EVENT_BYTES + 82 + 50 + 148
# A table's key is asked for again by each caller after five minutes:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
KEY_SECONDS = 300


@dataclass
class Usage:
    """Counts of one day.

    Attributes
    ----------
    clock
        Tells epoch seconds.
    caller
        Who makes the calls at the moment, for the requests to KMS.
    item_bytes, other_bytes
        Size of a state's item, and the largest of the others; known when the day is over.
    """

    clock: Callable[[], float]
    caller: str = ""
    counting: bool = False
    item_bytes: int = 0
    other_bytes: int = 0
    table_bytes: int = 0
    reads: float = 0.0
    writes: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    metrics_asked: int = 0
    asks: int = 0
    log_bytes: int = 0
    metric_hours: set[tuple[str, ...]] = field(default_factory=set)
    key_windows: set[tuple[str, int]] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count every AWS call of this process, by boto3 and by prefixwarm's own client."""
        boto, own = BaseClient._make_api_call, AwsClient.call

        def by_boto(client: Any, operation: str, parameters: Any) -> Any:
            reply = boto(client, operation, parameters)
            self._call(client.meta.service_model.service_name, operation, parameters, reply)
            return reply

        def by_own(client: Any, service: str, operation: str, *rest: Any, **more: Any) -> Any:
            reply = own(client, service, operation, *rest, **more)
            self._call(service, operation, rest[0], reply)
            return reply

        with (
            mock.patch.object(BaseClient, "_make_api_call", by_boto),
            mock.patch.object(AwsClient, "call", by_own),
        ):
            yield

    def log(self, text: str) -> None:
        """Count the lines of a function's log, and the metrics that they declare."""
        for line in text.splitlines():
            self.log_bytes += len(line.encode()) + EVENT_BYTES
            document = json.loads(line) if line.startswith("{") else {}
            for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
                hour = str(document["_aws"]["Timestamp"] // 3_600_000)
                for metric in directive["Metrics"]:
                    name = (directive["Namespace"], metric["Name"], document["service"])
                    self.metric_hours.add((*name, hour))

    @property
    def write_units(self) -> int:
        """Of the table and of its index, where a write changes an item or moves its place."""
        size = math.ceil(self.item_bytes / 1024)
        of = {"other": 1, "state": 2 * size, "moved": 3 * size}
        assert self.other_bytes <= 1024
        return sum(n * of[kind] for kind, n in self.writes.items())

    def _call(
        self, service: str, operation: str, parameters: Mapping[str, Any], reply: Any
    ) -> None:
        if not self.counting:
            return
        self.calls[f"{service} {operation}"] += 1
        if operation == "GetMetricData":
            self.metrics_asked += sum("MetricStat" in q for q in parameters["MetricDataQueries"])
        if service == "dynamodb":
            self.key_windows.add((self.caller, int(self.clock() // KEY_SECONDS)))
            self._table(operation, parameters, reply)

    def _table(self, operation: str, parameters: Mapping[str, Any], reply: Any) -> None:
        consistent = 1.0 if parameters.get("ConsistentRead") else 0.5
        if operation in ("GetItem", "Query"):
            self.reads += consistent * max(1, math.ceil(len(json.dumps(reply, default=str)) / 4096))
        elif operation == "BatchGetItem":
            self.reads += sum(len(r["Keys"]) for r in parameters["RequestItems"].values())
        elif operation == "UpdateItem":
            self.writes[_kind(parameters)] += 1
        elif operation == "TransactWriteItems":
            for item in parameters["TransactItems"]:
                (write,) = item.values()
                # Twice: to prepare and to commit.
                self.writes[_kind(write)] += 2
        else:
            raise ValueError(f"{operation}: its units are not counted")


def _kind(write: Mapping[str, Any]) -> str:
    """A state is in the index, by when it is due; other items are not."""
    key = str((write.get("Key") or write["Item"])["pk"]["S"])
    if not is_state(key):
        return "other"
    names = str(write.get("ExpressionAttributeNames")) + str(write.get("UpdateExpression"))
    return "moved" if "due_" in names else "state"


def size_of(item: Mapping[str, Any]) -> int:
    """Bytes of an item as DynamoDB counts them: names and values.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    """A number has a byte for two digits, and one more, with a sign two."""
    ((kind, content),) = value.items()
    if kind == "N":
        digits = content.lstrip("-").replace(".", "").strip("0")
        return math.ceil(len(digits) / 2) + 1 + content.startswith("-")
    return sum(len(text.encode()) for text in ([content] if kind == "S" else content))


def is_state(key: str) -> bool:
    """Whether an item is one version's state: not a ledger, a pause or a shared item."""
    return key.startswith("state/") and not key.endswith("/-")
