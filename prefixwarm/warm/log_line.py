"""What a warm call leaves in the log: one line of JSON, which is also its metrics.

The line is in CloudWatch's embedded metric format, so that metrics need no call. It never holds
prompt text or keys.
"""

from __future__ import annotations

from prefixwarm.state.outcome import FAILED, PARTIAL, REFRESHED, SKIPPED, UNCACHED, WRITTEN
from prefixwarm.wire.accelerated import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.state.outcome import Outcome


NAMESPACE = "prefixwarm"

_COUNTS = {
    "WarmWritten": WRITTEN,
    "WarmRefreshed": REFRESHED,
    "WarmPartial": PARTIAL,
    "WarmUncached": UNCACHED,
    "WarmSkipped": SKIPPED,
    "WarmFailed": FAILED,
}


def metrics(outcome: Outcome) -> dict[str, tuple[float, str]]:
    """Metric values and units of one outcome, zeros included for what alarms watch."""
    found: dict[str, tuple[float, str]] = {
        name: (float(outcome.kind == kind), "Count") for name, kind in _COUNTS.items()
    }
    found["WarmCalls"] = (float(outcome.calls), "Count")
    found["WarmDowngraded"] = (float(outcome.downgraded), "Count")
    if outcome.calls:
        found["WarmMilliseconds"] = (outcome.seconds * 1000, "Milliseconds")
    if outcome.usage is not None:
        found["WarmReadTokens"] = (float(outcome.usage.read), "Count")
        found["WarmWriteTokens"] = (float(outcome.usage.written), "Count")
    if outcome.calls and outcome.cost_usd is not None:
        found["WarmCostUSD"] = (outcome.cost_usd, "None")
    return found


def line(
    outcome: Outcome, *, by: str, now: float, service: str = "", **facts: str | float | None
) -> str:
    """The log line of one outcome.

    Parameters
    ----------
    by
        Who warmed: ``init``, ``keepwarm`` or ``cli``.
    now
        Epoch seconds.
    service
        The deployment, as the metrics' dimension.
    facts
        More that is worth saying, such as ``held_ms``.
    """
    values = metrics(outcome)
    definitions = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
    document: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["service"]],
                    "Metrics": definitions,
                }
            ],
        },
        "service": service or "prefixwarm",
        "prefix": outcome.name,
        "by": by,
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "message_id": outcome.message_id or None,
        **facts,
        **{name: value for name, (value, _) in values.items()},
    }
    return dumps({k: v for k, v in document.items() if v is not None}).decode()
