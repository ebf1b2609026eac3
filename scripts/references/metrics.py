"""docs/metrics.md: the metrics that the deployed code writes."""

from __future__ import annotations

from references.pages import row, with_part


def table() -> str:
    """Every metric with its unit, who writes it and when."""
    from prefixwarm.observe.observation import HIT_RATE
    from prefixwarm_cdk.metrics import ALWAYS, METRICS

    lines = [row("name", "unit", "by", "written", "meaning"), "|---|---|---|---|---|"]
    for name, metric in METRICS.items():
        written = "while not zero" if name in ALWAYS else "with `full`"
        if name in HIT_RATE:
            written = "with `hit_rate_alarm` or `full`"
        lines.append(row(name, metric.unit, metric.by, written, metric.meaning))
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """The page with the table of today."""
    return {"metrics.md": with_part("metrics.md", "metrics", table())}
