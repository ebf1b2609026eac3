"""What CloudWatch makes of log lines in the embedded metric format: data points of periods."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Metrics"]

Key = tuple[str, str, frozenset[tuple[str, str]]]


class Metrics:
    """Values of a span of time by metric.

    Parameters
    ----------
    began, ended
        Epoch seconds; what lies outside is not counted.
    """

    def __init__(self, began: float, ended: float) -> None:
        self.began, self.ended = began, ended
        self._values: dict[Key, list[tuple[float, float]]] = defaultdict(list)

    def put(
        self, namespace: str, name: str, dimensions: Mapping[str, str], at: float, value: float
    ) -> None:
        """Add one value, as ``PutMetricData`` does."""
        if self.began <= at < self.ended:
            self._values[namespace, name, frozenset(dimensions.items())].append((at, value))

    def read(self, log: str) -> None:
        """Add the metrics of all lines of a log that hold some."""
        for line in log.splitlines():
            if '"_aws"' in line:
                self._add(json.loads(line))

    def points(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        period: int,
        statistic: str = "Sum",
    ) -> list[float | None]:
        """One data point for each period of `period` seconds; None where nothing was put."""
        count = math.ceil((self.ended - self.began) / period)
        found: list[list[float]] = [[] for _ in range(count)]
        for at, value in self._values.get((namespace, name, frozenset(dimensions.items())), ()):
            found[int((at - self.began) // period)].append(value)
        return [_statistic(statistic, values) if values else None for values in found]

    def sums(self) -> dict[str, float]:
        """The whole span's sum of each metric."""
        found: dict[str, float] = defaultdict(float)
        for (_, name, _), values in self._values.items():
            found[name] += sum(value for _, value in values)
        return dict(sorted(found.items()))

    def _add(self, document: dict[str, Any]) -> None:
        at = document["_aws"]["Timestamp"] / 1000
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    for value in _all(document[metric["Name"]]):
                        self.put(directive["Namespace"], metric["Name"], dimensions, at, value)


def _all(value: float | list[float]) -> Iterable[float]:
    return value if isinstance(value, list) else (value,)


def _statistic(name: str, values: list[float]) -> float:
    if name == "Sum":
        return sum(values)
    if name == "p99":
        return sorted(values)[math.ceil(0.99 * len(values)) - 1]
    if name == "Maximum":
        return max(values)
    raise ValueError(f"statistic {name!r}: write Sum, Maximum or p99")
