"""What one tick, or one batch of a worker, did, and its metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.warm import log_line

if TYPE_CHECKING:
    from prefixwarm.state.outcome import Outcome


_ALWAYS = (
    "WarmWritten",
    "WarmRefreshed",
    "WarmPartial",
    "WarmUncached",
    "WarmSkipped",
    "WarmFailed",
    "WarmCalls",
    "WarmDowngraded",
    "WarmReadTokens",
    "WarmWriteTokens",
)
# Written by the init phase for each call; over a tick's calls their sum says nothing.
_PER_CALL = ("WarmMilliseconds",)


@dataclass
class TickReport:
    """What one tick did.

    Attributes
    ----------
    stopped : str
        Why nothing may be sent at all; empty when sending is allowed.
    state_error : str
        Why the state could not be used; empty when it could.
    due : int
        States that were looked at.
    outcomes : list of Outcome
        Of every warm call that was asked for.
    saved_usd : float
        What was saved and brought into the ledgers, US dollars.
    rewrote, budget_reached, broken, unreadable : int
        Refreshes that wrote; prefixes left alone for the budget; prefix files that are broken;
        states that cannot be read.
    paused : dict
        Paused routes, and why.
    traffic_unavailable : bool
        Whether CloudWatch could not be asked.
    queued, dropped : int
        Calls handed over to the queue; messages of the queue that led to no call.
    queue_error : str
        Why not all that should have been was handed over; empty when it was.
    missed : int
        Ticks that should have come since the one before and did not, while a prefix was due.
    """

    stopped: str = ""
    state_error: str = ""
    due: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    saved_usd: float = 0.0
    rewrote: int = 0
    budget_reached: int = 0
    broken: int = 0
    unreadable: int = 0
    paused: dict[str, str] = field(default_factory=dict)
    traffic_unavailable: bool = False
    queued: int = 0
    dropped: int = 0
    queue_error: str = ""
    missed: int = 0

    def metrics(self) -> dict[str, tuple[float, str]]:
        """Values and units, zeros included."""
        sums: defaultdict[str, float] = defaultdict(float)
        units = dict.fromkeys(_ALWAYS, "Count")
        for outcome in self.outcomes:
            for name, (value, unit) in log_line.metrics(outcome).items():
                if name not in _PER_CALL:
                    sums[name] += value
                    units[name] = unit
        sums["WarmFailed"] += self.broken + self.unreadable
        values = {name: (sums[name], unit) for name, unit in units.items()}
        values["SavedUSD"] = (self.saved_usd, "None")
        return values | {name: (float(value), "Count") for name, value in self._counts().items()}

    def _counts(self) -> dict[str, int]:
        return {
            "WarmRewrote": self.rewrote,
            "BudgetReached": self.budget_reached,
            "StateUnavailable": int(bool(self.state_error)),
            "RoutePaused": len(self.paused),
            "BrokenPrefixFiles": self.broken,
            "TrafficUnavailable": int(self.traffic_unavailable),
            "PrefixesDue": self.due,
            "WarmQueued": self.queued,
            "WarmDropped": self.dropped,
            "QueueUnavailable": int(bool(self.queue_error)),
            "TicksMissed": self.missed,
        }

    def line(self, message: str, *, service: str, now: float, full: bool) -> str:
        """The log line: what happened, with its metrics; short when nothing did.

        Parameters
        ----------
        message
            ``tick`` or ``batch``.
        service, now, full
            As for `prefixwarm.warm.log_line.metric_line`.
        """
        values = self.metrics()
        trouble = any(values[name][0] for name in log_line.TROUBLES if name in values)
        happened = {name: value for name, value in self.summary().items() if value}
        facts = {
            "level": "WARNING" if trouble else "INFO",
            "message": message,
            "due": self.due,
            **happened,
            "state_error": self.state_error or None,
            "queue_error": self.queue_error or None,
        }
        return log_line.metric_line(values, facts, service=service, now=now, full=full)

    def summary(self) -> dict[str, Any]:
        """What the invocation answers."""
        kinds = Counter(outcome.kind for outcome in self.outcomes)
        costs = [outcome.cost_usd for outcome in self.outcomes if outcome.calls]
        priced = [cost for cost in costs if cost is not None]
        return {
            "due": self.due,
            "outcomes": dict(kinds),
            "spent_usd": round(sum(priced), 9),
            "saved_usd": round(self.saved_usd, 9),
            "unpriced_calls": len(costs) - len(priced),
            "rewrote": self.rewrote,
            "budget_reached": self.budget_reached,
            "broken": self.broken,
            "unreadable": self.unreadable,
            "queued": self.queued,
            "dropped": self.dropped,
            "paused": self.paused,
            "stopped": self.stopped,
        }
