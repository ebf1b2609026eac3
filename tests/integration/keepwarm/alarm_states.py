"""The alarms that a warmer synthesises, and what CloudWatch makes of data points by them."""

from __future__ import annotations

import json
import operator
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from prefixwarm.local.toolchain import Tools
from prefixwarm.prefix.prefix_file import write
from tests.integration.keepwarm.conftest import prefix_file

if TYPE_CHECKING:
    from pathlib import Path

# What stands for a resource of the template: the dimension that names it, and its construct.
FUNCTION = ("FunctionName", "KeepWarm")
DEAD_LETTERS = ("QueueName", "DeadLetters")
UNDELIVERED = ("QueueName", "Undelivered")
_COMPARED = {"GreaterThanOrEqualToThreshold": operator.ge, "LessThanThreshold": operator.lt}


def synthesised(
    folder: Path, *, workers: bool = False, **options: Any
) -> dict[str, dict[str, Any]]:
    """The alarms of a warmer, by their names in the docs.

    Parameters
    ----------
    workers
        Whether it has workers, as one has with more prefixes than a tick warms.
    options
        Arguments of the construct beside the defaults.
    """
    os.environ.setdefault("JSII_NODE", str(Tools().node()))
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")
    from aws_cdk import App, Stack
    from aws_cdk import aws_secretsmanager as secretsmanager

    from prefixwarm_cdk import Credentials, PrefixWarmer
    from tests.helpers.workers import warmer_with_workers

    app = App(outdir=str(folder / "out"))
    stack = Stack(app, "Warmer")
    key = secretsmanager.Secret.from_secret_name_v2(stack, "Key", "claude")
    file = write(prefix_file("support"), folder)
    kind = warmer_with_workers() if workers else PrefixWarmer
    kind(stack, "Warm", prefixes=[file], credentials=Credentials.secret(key), **options)
    template = app.synth().get_stack_by_name("Warmer").template
    return {
        _without_hash(name).rpartition("Alarms")[2]: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def _without_hash(logical_id: str) -> str:
    return re.sub("[0-9A-F]{8}$", "", logical_id)


class CloudWatch:
    """Data points of metrics, and what alarms make of them."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, str, frozenset[tuple[str, str]]], list[tuple[float, float]]]
        self._points = defaultdict(list)

    def put(self, space: str, name: str, own: tuple[str, str], at: float, value: float) -> None:
        """One data point."""
        self._points[space, name, frozenset([own])].append((at, value))

    def read(self, log: str) -> None:
        """The metrics that the lines of a log declare."""
        for line in log.splitlines():
            document = json.loads(line)
            for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
                ((dimension,),) = directive["Dimensions"]
                own = (dimension, document[dimension])
                at = document["_aws"]["Timestamp"] / 1000
                for metric in directive["Metrics"]:
                    name = metric["Name"]
                    self.put(directive["Namespace"], name, own, at, document[name])

    def goes_off(self, alarm: dict[str, Any], now: float) -> bool:
        """Whether the alarm is in state ALARM."""
        assert alarm["EvaluationPeriods"] == 1
        value = self._math(alarm["Metrics"], now) if "Metrics" in alarm else self._value(alarm, now)
        if value is None:
            return bool(alarm["TreatMissingData"] == "breaching")
        return bool(_COMPARED[alarm["ComparisonOperator"]](value, alarm["Threshold"]))

    def _value(self, metric: dict[str, Any], now: float) -> float | None:
        """One metric of the last period; None without a data point."""
        own = frozenset((d["Name"], _named(d)) for d in metric["Dimensions"])
        points = self._points[metric["Namespace"], metric["MetricName"], own]
        values = [value for at, value in points if now - metric["Period"] < at <= now]
        combine = {"Sum": sum, "Maximum": max}[metric["Statistic"]]
        return combine(values) if values else None

    def _math(self, metrics: list[dict[str, Any]], now: float) -> float | None:
        """Metric math over one period; None without a data point, as after a division by zero."""
        (expression,) = [one["Expression"] for one in metrics if "Expression" in one]
        values = {
            one["Id"]: self._value({**stat["Metric"], **stat, "Statistic": stat["Stat"]}, now)
            for one in metrics
            if (stat := one.get("MetricStat"))
        }
        if None in values.values():
            return None
        try:
            return float(eval(expression, {"__builtins__": {}}, values))
        except ZeroDivisionError:
            return None


def _named(dimension: dict[str, Any]) -> str:
    """A dimension's value; what stands for it where it is a resource of the template."""
    value = dimension["Value"]
    if isinstance(value, str):
        return value
    resource = str(value.get("Ref") or value["Fn::GetAtt"][0])
    ends = [own for name, own in (FUNCTION, DEAD_LETTERS, UNDELIVERED) if name == dimension["Name"]]
    return next(own for own in ends if own in _without_hash(resource))
