"""Writes log lines with metrics, as JSON in CloudWatch's embedded metric format.

CloudWatch turns the values that a line declares into metrics without an API call, and charges for
each hour in which a metric is written. So only trouble is declared by default; the other values
are in the line anyway, for Logs Insights. A line never holds prompt text or keys.
"""

from __future__ import annotations

from prefixwarm.state.outcome import FAILED, PARTIAL, REFRESHED, SKIPPED, UNCACHED, WRITTEN
from prefixwarm.warm.error_classification import HOUR
from prefixwarm.wire.accelerated import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.state.outcome import Outcome


NAMESPACE = "prefixwarm"

# The metric of the trouble alarm, and how much each kind of trouble adds to it. Three within an
# hour trigger the alarm: trouble that may resolve itself adds one, trouble that needs attention
# three. So does a failure after which nothing is tried for an hour, as three of them cannot come
# within one.
TROUBLE = "WarmTrouble"
TROUBLES = {
    "WarmFailed": 1,
    "StateUnavailable": 1,
    "TicksMissed": 1,
    "WarmStopped": 3,
    "WarmRewrote": 3,
    "WarmUncached": 3,
    "AgentDrift": 3,
    "BudgetReached": 3,
}

# The metrics that count outcomes, with the kind of each.
COUNTS = {
    "WarmWritten": WRITTEN,
    "WarmRefreshed": REFRESHED,
    "WarmPartial": PARTIAL,
    "WarmUncached": UNCACHED,
    "WarmSkipped": SKIPPED,
    "WarmFailed": FAILED,
}


def metrics(outcome: Outcome) -> dict[str, tuple[float, str]]:
    """The metric values and units of an outcome, zeros included."""
    values: dict[str, tuple[float, str]] = {
        name: (float(outcome.kind == kind), "Count") for name, kind in COUNTS.items()
    }
    values["WarmCalls"] = (float(outcome.calls), "Count")
    values["WarmDowngraded"] = (float(outcome.downgraded), "Count")
    stopped = outcome.kind == FAILED and outcome.backoff_seconds >= HOUR
    values["WarmStopped"] = (float(stopped), "Count")
    if outcome.calls:
        values["WarmMilliseconds"] = (outcome.seconds * 1000, "Milliseconds")
    if outcome.usage is not None:
        values["WarmReadTokens"] = (float(outcome.usage.read), "Count")
        values["WarmWriteTokens"] = (float(outcome.usage.written), "Count")
    if outcome.calls and outcome.cost_usd is not None:
        values["WarmCostUSD"] = (outcome.cost_usd, "None")
    return values


def metric_line(
    values: Mapping[str, tuple[float, str]],
    facts: Mapping[str, Any],
    *,
    service: str,
    now: float,
    full: bool,
    also: tuple[str, ...] = (),
) -> str:
    """Return a log line with `facts` that declares metrics.

    Parameters
    ----------
    values
        Metric values and units by name.
    facts
        The line's other fields; None values are left out.
    service
        The deployment, used as the metrics' dimension.
    now
        Epoch seconds.
    full
        Whether every value is a metric, zeros included. If not, only trouble is, and other zeros
        are left out of the line.
    also
        Names that are metrics in any case, zeros included.
    """
    trouble = sum(values[name][0] * weight for name, weight in TROUBLES.items() if name in values)
    shown = {name: v for name, v in values.items() if full or v[0] or name in also}
    names = (*TROUBLES, *also)
    declared = shown if full else {name: v for name, v in shown.items() if name in names}
    if trouble:
        own = {TROUBLE: (trouble, "Count")}
        shown, declared = {**shown, **own}, {**declared, **own}
    document: dict[str, Any] = {"_aws": _directive(declared, now)} if declared else {}
    document["service"] = service or NAMESPACE
    document.update(facts)
    document.update((name, value) for name, (value, _) in shown.items())
    return dumps({k: v for k, v in document.items() if v is not None}).decode()


def line(
    outcome: Outcome,
    *,
    by: str,
    now: float,
    service: str = "",
    full: bool = False,
    **facts: str | float | None,
) -> str:
    """Return the log line of an outcome.

    Parameters
    ----------
    by
        The caller: ``init``, ``keepwarm`` or ``cli``.
    now
        Epoch seconds.
    service
        The deployment, used as the metrics' dimension.
    full
        Whether all values are metrics, not only trouble.
    facts
        Additional fields, such as ``held_ms``.
    """
    call = {
        "prefix": outcome.name,
        "by": by,
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "message_id": outcome.message_id or None,
    }
    return metric_line(metrics(outcome), {**call, **facts}, service=service, now=now, full=full)


def _directive(declared: Mapping[str, tuple[float, str]], now: float) -> dict[str, Any]:
    return {
        "Timestamp": int(now * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["service"]],
                "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in declared.items()],
            }
        ],
    }
