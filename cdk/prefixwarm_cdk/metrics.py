"""The metrics that the code emits, and alarms on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from prefixwarm.errors import UsageError
from prefixwarm.warm.log_line import NAMESPACE

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs

    from prefixwarm_cdk.function import KeepWarmFunction


# Emitted by the extension at each start, by the keep-warm function once a minute, and by
# `prefixwarm.observe` in the agent at each request.
METRICS = (
    "AgentDiagnosed",
    "AgentDrift",
    "AgentHit",
    "AgentInputTokens",
    "AgentMiss",
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
    "WarmUncached",
    "WarmWriteTokens",
    "WarmWritten",
)

_QUARTER = Duration.minutes(15)


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
        For a name that nothing emits.
    """
    if name not in METRICS:
        raise UsageError(f"metric {name!r} is not known; write one of {', '.join(METRICS)}")
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service},
        statistic=statistic,
        period=period or Duration.minutes(5),
        label=label,
    )


class Alarms(Construct):
    """What somebody should look at; add actions to `all`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, service: str, keep_warm: KeepWarmFunction
    ) -> None:
        super().__init__(scope, construct_id)
        self._service = service
        function, queue = keep_warm.function, keep_warm.undelivered
        self.all = [
            self._hourly("Failed", "WarmFailed", 3, "Warm calls keep failing"),
            self._hourly("Rewrote", "WarmRewrote", 1, "A refresh wrote instead of reading"),
            self._hourly("Uncached", "WarmUncached", 1, "A warm call cached nothing"),
            self._hourly("Drift", "AgentDrift", 1, "An agent sends what is not warmed"),
            self._hourly("Budget", "BudgetReached", 1, "The day's budget is used up"),
            self._stopped(),
            self._function("Errors", function.metric_errors(period=_QUARTER), "fails"),
            self._waiting("Undelivered", queue, "A tick could not be delivered"),
            self._function("Throttles", function.metric_throttles(period=_QUARTER), "is throttled"),
        ]
        if workers := keep_warm.workers:
            text = "Workers could not take a message"
            self.all.append(self._waiting("DeadLetters", workers.undelivered, text))

    def _hourly(self, name: str, metric_name: str, least: int, text: str) -> cloudwatch.Alarm:
        """An hour, because a failing prefix is tried ever more rarely."""
        watched = metric(self._service, metric_name, period=Duration.hours(1))
        return self._alarm(name, watched, least, text)

    def _stopped(self) -> cloudwatch.Alarm:
        """Without a table, or without ticks, nothing is warmed; no data says the latter."""
        watched = metric(self._service, "StateUnavailable", period=_QUARTER)
        text = "The table cannot be reached, or the keep-warm function is not started"
        return self._alarm(
            "Stopped", watched, 3, text, missing=cloudwatch.TreatMissingData.BREACHING
        )

    def _waiting(self, name: str, queue: sqs.Queue, text: str) -> cloudwatch.Alarm:
        waiting = queue.metric_approximate_number_of_messages_visible(period=_QUARTER)
        return self._alarm(name, waiting, 1, text)

    def _function(self, name: str, watched: cloudwatch.Metric, text: str) -> cloudwatch.Alarm:
        return self._alarm(name, watched, 3, f"The keep-warm function {text}")

    def _alarm(
        self,
        name: str,
        watched: cloudwatch.Metric,
        least: int,
        text: str,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"prefixwarm {self._service}: {text}",
            metric=watched,
            threshold=least,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
        )
