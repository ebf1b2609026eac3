"""The metrics that the deployed code writes, by name."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from prefixwarm.errors import UsageError
from prefixwarm.warm.log_line import NAMESPACE, TROUBLE, TROUBLES

# Written by the extension at each start, by the keep-warm function once a minute, and by
# `prefixwarm.observe` in the agent at each request.
METRICS = (
    "AgentDiagnosed",
    "AgentDrift",
    "AgentHit",
    "AgentInputTokens",
    "AgentMiss",
    "AgentMissedUSD",
    "AgentOther",
    "AgentReadTokens",
    "AgentWriteTokens",
    "BrokenPrefixFiles",
    "BudgetReached",
    "PrefixesDue",
    "QueueUnavailable",
    "RoutePaused",
    "SavedUSD",
    "StateUnavailable",
    "TicksMissed",
    "TrafficUnavailable",
    "WarmCalls",
    "WarmCostUSD",
    "WarmDowngraded",
    "WarmDropped",
    "WarmFailed",
    "WarmMilliseconds",
    "WarmPartial",
    "WarmQueued",
    "WarmReadTokens",
    "WarmRefreshed",
    "WarmRewrote",
    "WarmSkipped",
    "WarmTrouble",
    "WarmUncached",
    "WarmWriteTokens",
    "WarmWritten",
)
# Written, while they are not zero, whatever the setting `metrics` says.
ALWAYS = frozenset({TROUBLE, *TROUBLES})


def metric(
    service: str,
    name: str,
    *,
    statistic: str = "Sum",
    period: Duration | None = None,
    label: str | None = None,
) -> cloudwatch.Metric:
    """One metric of a warmer.

    Raises
    ------
    UsageError
        For a name that nothing writes.
    """
    if name not in METRICS:
        raise UsageError(f"metric {name!r}: there is none; write one of {', '.join(METRICS)}")
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service},
        statistic=statistic,
        period=period or Duration.minutes(5),
        label=label,
    )
