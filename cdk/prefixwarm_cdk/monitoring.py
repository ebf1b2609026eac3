"""Monitors the keep-warm function: metrics, alarms, saved queries, dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm_cdk.alarms import Alarms
from prefixwarm_cdk.dashboard import dashboard
from prefixwarm_cdk.inputs import argument_error, shown
from prefixwarm_cdk.saved_queries import SavedQueries

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from prefixwarm_cdk.function import KeepWarmFunction


@dataclass(frozen=True)
class Monitoring:
    """The user's monitoring options.

    Raises
    ------
    UsageError
        Options contradict each other.
    """

    metrics: str
    alarms: bool
    alarm_topic: sns.ITopic | None
    dashboard: bool
    hit_rate_below: float | None = None

    def __post_init__(self) -> None:
        if self.dashboard and self.metrics != "full":
            raise argument_error(
                "PrefixWarmer",
                "dashboard",
                'it draws metrics that are written with metrics="full" only; add that (about '
                "$0.30 a month for each of some thirty metrics, $3 for the dashboard), or leave "
                "both out and use the saved queries",
                "True",
            )
        with_alarms = {"hit_rate_alarm": self.hit_rate_below, "alarm_topic": self.alarm_topic}
        for name, value in with_alarms.items():
            if value is not None and not self.alarms:
                problem = "is of no use with alarms=False; leave one of them out"
                raise argument_error("PrefixWarmer", name, problem, shown(value))

    @property
    def written(self) -> str:
        """The setting of which metrics the functions write."""
        alone = self.metrics == "trouble" and self.hit_rate_below is not None
        return "hit-rate" if alone else self.metrics

    def watch(
        self, scope: Construct, service: str, keep_warm: KeepWarmFunction
    ) -> tuple[cloudwatch.Alarm, ...]:
        """Monitor a keep-warm function; return its alarms."""
        groups = [function.log_group for function in keep_warm.functions]
        SavedQueries(scope, "Queries", service=service, groups=groups)
        alarms: tuple[cloudwatch.Alarm, ...] = ()
        if self.alarms:
            made = Alarms(
                scope,
                "Alarms",
                service=service,
                keep_warm=keep_warm,
                each_cause=self.metrics == "full",
                topic=self.alarm_topic,
                hit_rate_below=self.hit_rate_below,
            )
            alarms = tuple(made.all)
        if self.dashboard:
            function = keep_warm.function
            dashboard(scope, "Dashboard", service=service, function=function, alarms=alarms)
        return alarms
