"""The dashboard, in three rows: is it warm, does it pay, is anything wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from prefixwarm_cdk.metrics import metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct


_HOUR = Duration.hours(1)


def dashboard(
    scope: Construct,
    construct_id: str,
    *,
    service: str,
    function: lambda_.Function,
    alarms: Sequence[cloudwatch.Alarm],
) -> cloudwatch.Dashboard:
    """Make the dashboard, with one row per question."""
    board = cloudwatch.Dashboard(scope, construct_id, default_interval=Duration.days(1))
    board.add_widgets(
        _graph(service, "Is it warm? Warm calls by outcome", _OUTCOMES),
        _graph(service, "Requests of the agents that prefixwarm.observe watches", _REQUESTS),
    )
    board.add_widgets(
        _money(service),
        _graph(service, "Tokens that warm calls read and wrote", _TOKENS),
    )
    board.add_widgets(
        cloudwatch.AlarmStatusWidget(
            title="Is anything wrong?", alarms=list(alarms), width=12, height=6
        ),
        _health(service, function),
    )
    return board


_OUTCOMES = {
    "WarmRefreshed": "refreshed",
    "WarmWritten": "written",
    "WarmPartial": "partial",
    "WarmUncached": "uncached",
    "WarmFailed": "failed",
}
_TOKENS = {"WarmReadTokens": "read", "WarmWriteTokens": "written"}
_REQUESTS = {"AgentHit": "read the prefix", "AgentMiss": "found it cold", "AgentDrift": "drifted"}
_TROUBLE = {
    "WarmRewrote": "refreshes that wrote",
    "RoutePaused": "routes paused",
    "StateUnavailable": "table unreachable",
    "TrafficUnavailable": "traffic unknown",
    "QueueUnavailable": "queue unreachable",
    "BrokenPrefixFiles": "broken prefix files",
}


def _graph(service: str, title: str, names: dict[str, str]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, width=12, stacked=len(names) > 2, left=_metrics(service, names)
    )


def _money(service: str) -> cloudwatch.GraphWidget:
    spent = metric(service, "WarmCostUSD", label="spent", period=_HOUR)
    saved = metric(service, "SavedUSD", label="saved", period=_HOUR)
    net = cloudwatch.MathExpression(
        expression="FILL(saved, 0) - FILL(spent, 0)",
        using_metrics={"saved": saved, "spent": spent},
        label="net",
        period=_HOUR,
    )
    title = "Does it pay? US dollars an hour"
    return cloudwatch.GraphWidget(title=title, width=12, left=[spent, saved, net])


def _health(service: str, function: lambda_.Function) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title="What went wrong, and how long the keep-warm function took",
        width=12,
        left=[*_metrics(service, _TROUBLE), function.metric_errors(period=_HOUR)],
        right=[function.metric_duration(statistic="p99", period=_HOUR)],
    )


def _metrics(service: str, names: dict[str, str]) -> list[cloudwatch.IMetric]:
    return [metric(service, name, label=label, period=_HOUR) for name, label in names.items()]
