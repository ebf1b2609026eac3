"""Reads signs of real traffic from the agent functions' `Invocations` metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.boto_replies import replies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient


# Slightly more than the longest time between two checks of a live entry.
LOOK_BACK_SECONDS = 4200
_PERIOD = 60
# GetMetricData takes 500 queries and returns 100,800 data points a call:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_QUERIES = 500


class TrafficError(Exception):
    """CloudWatch cannot be queried."""


def invocations(
    client: CloudWatchClient, functions: Sequence[str], now: float
) -> dict[str, list[float]]:
    """Return the minutes in which functions were invoked, by function (epoch seconds, ascending).

    A minute is given by its start, so an invocation is never dated too late.

    Raises
    ------
    TrafficError
        CloudWatch cannot be queried.
    """
    minutes_by_name: dict[str, list[float]] = {name: [] for name in functions}
    names = sorted(minutes_by_name)
    try:
        with replies():
            for start in range(0, len(names), _QUERIES):
                batch = names[start : start + _QUERIES]
                for result in _results(client, batch, now):
                    minutes_by_name[batch[int(result["Id"][1:])]] += invoked_minutes(result)
    except (ClientError, BotoCoreError) as error:
        raise TrafficError(str(error)) from error
    return {name: sorted(minutes) for name, minutes in minutes_by_name.items()}


def invoked_minutes(result: Any) -> list[float]:
    """The times (epoch seconds) of a metric's values above 0."""
    pairs = zip(result["Timestamps"], result["Values"], strict=True)
    return [at.timestamp() for at, count in pairs if count > 0]


def _results(client: CloudWatchClient, names: Sequence[str], now: float) -> Iterator[Any]:
    start = (now - LOOK_BACK_SECONDS) // _PERIOD * _PERIOD
    asked: dict[str, Any] = {
        "MetricDataQueries": [_query(i, name) for i, name in enumerate(names)],
        "StartTime": start,
        "EndTime": now // _PERIOD * _PERIOD + _PERIOD,
        "ScanBy": "TimestampAscending",
    }
    for page in client.get_paginator("get_metric_data").paginate(**asked):
        yield from page["MetricDataResults"]


def _query(number: int, function: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }
    return {
        "Id": f"f{number}",
        "MetricStat": {"Metric": metric, "Period": _PERIOD, "Stat": "Sum"},
    }
