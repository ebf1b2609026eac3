"""Reads arrivals from the `Invocations` metric of a deployed function."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import PrefixwarmError, UsageError
from prefixwarm.plan.arrivals import Traffic

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


# CloudWatch keeps minutes for 15 days.
DAYS = 14


def invocations(function: str, client: CloudWatchClient | None = None) -> Traffic:
    """Read the minutes of the last two weeks in which a function was invoked.

    Parameters
    ----------
    function : str
        Name of the Lambda function whose requests use the prefix.
    client : CloudWatchClient, optional
        A boto3 client; by default one with the environment's region and credentials.

    Raises
    ------
    UsageError
        If the function was not invoked, or does not exist.
    PrefixwarmError
        If the call to CloudWatch fails.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from prefixwarm.boto_replies import replies

    try:
        with replies():
            counts = _counts(function, client or _client())
            folded = int(sum(counts.values())) - len(counts)
    except (BotoCoreError, ClientError) as error:
        raise PrefixwarmError(f"CloudWatch cannot be asked about {function}: {error}") from error
    if not counts:
        raise UsageError(f"{function}: no invocations in the last {DAYS} days, in this region")
    return Traffic.of(sorted(counts), f"invocations of {function}", max(0, folded))


def _client() -> CloudWatchClient:
    import boto3

    return boto3.client("cloudwatch")


def _counts(function: str, client: CloudWatchClient) -> dict[float, float]:
    """Invocations by minute (epoch seconds)."""
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }
    query: Any = {
        "Id": "invocations",
        "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
    }
    counts: dict[float, float] = {}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query], StartTime=now - timedelta(days=DAYS), EndTime=now
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            pairs = zip(result["Timestamps"], result["Values"], strict=True)
            counts.update((at.timestamp(), value) for at, value in pairs if value > 0)
    return counts
