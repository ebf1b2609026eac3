"""The report of one tick or one worker batch, with its metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.warm import log_line

if TYPE_CHECKING:
    from prefixwarm.state.outcome import Outcome


_ALWAYS = (
    *log_line.COUNTS,
    *("WarmCalls", "WarmDowngraded", "WarmStopped", "WarmReadTokens", "WarmWriteTokens"),
)
# Written by the init phase per call; a sum over a tick's calls would be meaningless.
_PER_CALL = ("WarmMilliseconds",)


@dataclass
class TickReport:
    """The report of one tick.

    Attributes
    ----------
    stopped : str
        Why nothing may be sent at all, or "".
    state_error : str
        Why the state could not be used, or "".
    due : int
        The number of due states.
    outcomes : list of Outcome
        The outcomes of all requested warm calls.
    saved_usd : float
        Savings entered into the ledgers, in US dollars.
    rewrote, budget_reached, broken, unreadable : int
        Refreshes that wrote; prefixes skipped for the budget; broken prefix files; unreadable
        states.
    paused : dict
        Paused routes, with reasons.
    traffic_unavailable : bool
        Whether CloudWatch could not be queried.
    queued, dropped : int
        Calls handed over to the queue; messages from the queue that led to no call.
    queue_error : str
        Why the handover was incomplete, or "".
    missed : int
        Ticks missed since the one before, while a prefix was due.
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
        """The log line with metrics; short if nothing happened.

        Parameters
        ----------
        message
            ``tick`` or ``batch``.
        service, now, full
            As in `prefixwarm.warm.log_line.metric_line`.
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
        """The invocation's reply."""
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
