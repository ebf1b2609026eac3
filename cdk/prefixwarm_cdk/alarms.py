"""Alarms: two that cover every cause, or one per cause if all metrics are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from prefixwarm.observe.observation import HIT_RATE
from prefixwarm.warm.log_line import TROUBLE
from prefixwarm_cdk.metrics import metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from prefixwarm_cdk.function import KeepWarmFunction


_HOUR = Duration.hours(1)
_QUARTER = Duration.minutes(15)
_BREACHING = cloudwatch.TreatMissingData.BREACHING


class Alarms(Construct):
    """The alarms of a keep-warm function.

    Parameters
    ----------
    service
        The deployment, as the metrics' dimension.
    each_cause
        Whether every cause has its own alarm, which needs all metrics to be written.
    topic
        Receives the alarms. Default: nobody, until an action is added to `all`.
    hit_rate_below
        Alarm if observed requests read less than this share of their input tokens from the cache in
        an hour. Default: no such alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: str,
        keep_warm: KeepWarmFunction,
        each_cause: bool,
        topic: sns.ITopic | None,
        hit_rate_below: float | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._service = service
        self._keep_warm = keep_warm
        self.all = list(self._each_cause() if each_cause else self._two())
        if hit_rate_below is not None:
            self.all.append(self._hit_rate(hit_rate_below))
        if workers := keep_warm.workers:
            text = "Workers could not take a message"
            self.all.append(self._waiting("DeadLetters", workers.undelivered, text))
        if topic:
            for alarm in self.all:
                alarm.add_alarm_action(actions.SnsAction(topic))

    def _two(self) -> Iterator[cloudwatch.Alarm]:
        """Two alarms: trouble declared by log lines, and a function that does not run (AWS's
        metric)."""
        yield self._hourly("Trouble", TROUBLE, 3, "Something is wrong: the saved query says what")
        # Lambda writes Errors at every invocation, 0 on success, so missing data means that there
        # was none: not started, or throttled. The sources are in docs/metrics.md.
        errors = self._keep_warm.function.metric_errors(period=_QUARTER)
        text = "The keep-warm function fails, or is not started"
        yield self._alarm("NotRunning", errors, 3, text, missing=_BREACHING)

    def _each_cause(self) -> Iterator[cloudwatch.Alarm]:
        function, queue = self._keep_warm.function, self._keep_warm.undelivered
        yield self._hourly("Failed", "WarmFailed", 3, "Warm calls keep failing")
        text = "A warm call failed, and nothing is sent for its prefix for an hour or longer"
        yield self._hourly("PrefixStopped", "WarmStopped", 1, text)
        yield self._hourly("Rewrote", "WarmRewrote", 1, "A refresh wrote instead of reading")
        yield self._hourly("Uncached", "WarmUncached", 1, "A warm call cached nothing")
        yield self._hourly("Drift", "AgentDrift", 1, "An agent sends what is not warmed")
        yield self._hourly("Budget", "BudgetReached", 1, "The day's budget is used up")
        yield self._stopped()
        errors = function.metric_errors(period=_QUARTER)
        yield self._alarm("Errors", errors, 3, "The keep-warm function fails")
        yield self._waiting("Undelivered", queue, "A tick could not be delivered")
        throttles = function.metric_throttles(period=_QUARTER)
        yield self._alarm("Throttles", throttles, 3, "The keep-warm function is throttled")

    def _hourly(self, name: str, metric_name: str, least: int, text: str) -> cloudwatch.Alarm:
        """An alarm over an hour, because a failing prefix is retried less and less often."""
        return self._alarm(name, metric(self._service, metric_name, period=_HOUR), least, text)

    def _hit_rate(self, below: float) -> cloudwatch.Alarm:
        """The alarm on the hit rate, by tokens, in hours with observed requests."""
        read, written, uncached = (metric(self._service, name, period=_HOUR) for name in HIT_RATE)
        rate = cloudwatch.MathExpression(
            expression="r / (r + w + u)",
            using_metrics={"r": read, "w": written, "u": uncached},
            period=_HOUR,
            label="hit rate",
        )
        return cloudwatch.Alarm(
            self,
            "HitRate",
            alarm_description=f"prefixwarm {self._service}: Agents read less than {below:.0%} of "
            "their input tokens from the cache; `prefixwarm status` says what misses cost",
            metric=rate,
            threshold=below,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _stopped(self) -> cloudwatch.Alarm:
        """The alarm on a missing table, or on missing ticks, which show as missing data."""
        watched = metric(self._service, "StateUnavailable", period=_QUARTER)
        text = "The table cannot be reached, or the keep-warm function is not started"
        return self._alarm("Stopped", watched, 3, text, missing=_BREACHING)

    def _waiting(self, name: str, queue: sqs.Queue, text: str) -> cloudwatch.Alarm:
        waiting = queue.metric_approximate_number_of_messages_visible(period=_QUARTER)
        return self._alarm(name, waiting, 1, text)

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
