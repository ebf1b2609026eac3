"""What an observed request leaves in the log: one line of JSON, which is also its metrics.

Like the lines of warm calls it is in CloudWatch's embedded metric format and holds no prompt text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.core.report import NAMESPACE

if TYPE_CHECKING:
    from prefixwarm.core.outcome import Usage

__all__ = ["Observation", "drift_line", "line"]


@dataclass(frozen=True)
class Observation:
    """What one real request did to the cache.

    Attributes
    ----------
    prefix : str
        Name of the prefix that it belongs to.
    drift : str or None
        First tier in which it differs from what is warmed.
    usage : Usage
        Tokens that it billed.
    started : float
        When it was sent, in epoch seconds.
    """

    prefix: str
    drift: str | None
    usage: Usage
    started: float

    @property
    def result(self) -> str:
        """``hit``, ``miss`` or ``drift``."""
        if self.drift is not None:
            return "drift"
        return "hit" if self.usage.read else "miss"


def line(seen: Observation, *, service: str, now: float) -> str:
    """The log line of one observation.

    Parameters
    ----------
    seen : Observation
        What was observed.
    service : str
        The deployment, as the metrics' dimension.
    now : float
        Epoch seconds.
    """
    metrics = {f"Agent{kind.title()}": kind == seen.result for kind in ("hit", "miss", "drift")}
    values = {name: float(value) for name, value in metrics.items()}
    values |= {
        "AgentReadTokens": float(seen.usage.read),
        "AgentWriteTokens": float(seen.usage.written),
        "AgentInputTokens": float(seen.usage.input),
    }
    definitions = [{"Name": name, "Unit": "Count"} for name in values]
    return json.dumps(
        {
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
            "prefix": seen.prefix,
            "by": "observe",
            "result": seen.result,
            **({"drift": seen.drift} if seen.drift else {}),
            **values,
        }
    )


def drift_line(prefix: str, tier: str, place: str, why: str) -> str:
    """The log line that names the block which drifted; the text itself is not logged."""
    found = {"prefix": prefix, "by": "observe", "drift": tier, "place": place, "why": why}
    advice = "what the agent sends is not what is warmed: capture again, or undo the change"
    return json.dumps({**found, "level": "WARNING", "message": advice})
