"""The metrics of a warmer, for users' own alarms and dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations
from constructs import Construct

from prefixwarm import settings
from prefixwarm_cdk import kinds
from prefixwarm_cdk.inputs import takes
from prefixwarm_cdk.metrics import ALWAYS, METRICS, metric

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_cloudwatch as cloudwatch


def _name(value: str) -> str:
    return "" if value in METRICS else f"there is none; write one of {', '.join(METRICS)}"


_PERIOD = {"period": kinds.period()}
_METRIC = {
    "name": kinds.text('"WarmRewrote"', _name),
    "statistic": kinds.text('a statistic, such as "Sum"'),
    **_PERIOD,
}


class MetricsOfWarmer(Construct):
    """A construct whose functions write metrics."""

    _settings: dict[str, str]

    @property
    def _deployment(self) -> str:
        """The metrics' dimension."""
        return self.node.path.replace("/", "-")

    @takes("metric", _METRIC)
    def metric(
        self, name: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Return any metric of docs/metrics.md, by default summed over 5 minutes.

        Metrics other than trouble are written only with ``metrics="full"``; otherwise synthesis
        warns.
        """
        full = self._settings.get(settings.METRICS) == "full"
        if not full and name not in ALWAYS:
            Annotations.of(self).add_warning_v2(
                f"prefixwarm:metric:{name}",
                f'the metric {name} is written only with metrics="full", and has no data otherwise',
            )
        return metric(self._deployment, name, statistic=statistic, period=period)

    @takes("metric_cost", _PERIOD)
    def metric_cost(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """US dollars spent on warm calls whose price is known."""
        return self.metric("WarmCostUSD", period=period)

    @takes("metric_saved", _PERIOD)
    def metric_saved(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """US dollars that warm prefixes saved, at least; known if agents are observed."""
        return self.metric("SavedUSD", period=period)

    @takes("metric_refreshed", _PERIOD)
    def metric_refreshed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Warm calls that read the cached prefix, which keeps it alive."""
        return self.metric("WarmRefreshed", period=period)

    @takes("metric_written", _PERIOD)
    def metric_written(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Warm calls that wrote the prefix into the cache."""
        return self.metric("WarmWritten", period=period)

    @takes("metric_failed", _PERIOD)
    def metric_failed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Warm calls that failed."""
        return self.metric("WarmFailed", period=period)
