"""The metrics of the deployed code, by name."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from prefixwarm.warm.log_line import NAMESPACE, TROUBLE, TROUBLES


@dataclass(frozen=True)
class Metric:
    """A metric that the deployed code writes; `scripts/update-references` puts it into the docs.

    Parameters
    ----------
    unit
        CloudWatch's.
    by
        Who writes it: the extension at each start, the keep-warm function at each tick, both of
        them, or `prefixwarm.observe` in the agent at each request.
    meaning
        What its values are, in Markdown.
    """

    unit: str
    by: str
    meaning: str


# Those that count nothing.
_UNITS = {
    "WarmCostUSD": "None",
    "WarmMilliseconds": "Milliseconds",
    "SavedUSD": "None",
    "AgentMissedUSD": "None",
}
# By who writes them.
_MEANINGS = {
    "both": {
        "WarmTrouble": (
            "what the alarm `Trouble` watches: the troubles below, each as often as it counts"
        ),
        "WarmRefreshed": "warm calls that found the prefix cached and kept it so",
        "WarmWritten": "warm calls that wrote the prefix into the cache",
        "WarmPartial": "warm calls that read a part and wrote the rest",
        "WarmUncached": (
            "warm calls after which nothing was cached: the prefix is under the minimum, or has "
            "no breakpoint"
        ),
        "WarmSkipped": "prefixes for which no call was needed or allowed",
        "WarmFailed": (
            "warm calls that failed, and prefixes whose file is broken or whose state cannot be "
            "read"
        ),
        "WarmCalls": (
            "warm calls that were sent to the provider; what is tried again after HTTP 400 is the "
            "same call"
        ),
        "WarmDowngraded": (
            "warm calls for which 1 hour was asked and refused, or 5 minutes were granted: [from "
            "then on](keepwarm.md#which-ttl) 5 minutes are asked for"
        ),
        "WarmStopped": (
            "failures after which nothing is sent for the prefix for an hour or longer"
        ),
        "WarmReadTokens": "tokens that warm calls read from the cache",
        "WarmWriteTokens": "tokens that warm calls wrote to the cache",
        "WarmCostUSD": "US dollars of the warm calls whose price is known",
    },
    "extension": {
        "WarmMilliseconds": "how long one warm call took",
    },
    "keep-warm": {
        "SavedUSD": (
            "US dollars that warm calls saved, at least, as `prefixwarm.observe` saw it and the "
            "ledger has [settled](keepwarm.md#who-spent-what): compare with WarmCostUSD"
        ),
        "WarmRewrote": "scheduled refreshes that wrote instead of reading",
        "PrefixesDue": "prefixes that a tick looked at",
        "BudgetReached": "prefixes left alone because the day's budget is used up",
        "RoutePaused": (
            "routes to the provider that are paused, after its `retry-after` or a failure"
        ),
        "StateUnavailable": "1 when the table could not be reached: nothing is sent",
        "TrafficUnavailable": "1 when CloudWatch could not be asked for invocations",
        "BrokenPrefixFiles": "prefix files that cannot be used",
        "WarmQueued": "warm calls that a tick handed over to workers",
        "WarmDropped": (
            "messages that led to no call: too late, done already, removed, paused, over the budget"
        ),
        "TicksMissed": (
            "ticks that should have come since the one before, and did not, while a prefix was "
            "due: throttled, or not delivered"
        ),
        "QueueUnavailable": "1 when not all could be handed over: it stays due",
    },
    "observe": {
        "AgentHit": "requests of the agent that read the warmed prefix",
        "AgentMiss": "requests that begin with the warmed prefix and read nothing",
        "AgentDrift": "requests that are not what is warmed",
        "AgentOther": "requests of something else than what is warmed, such as a router's",
        "AgentDiagnosed": (
            "verdicts of the provider's cache diagnostics (`PREFIXWARM_DIAGNOSE=sample`); drift "
            "that it found counts as AgentDrift"
        ),
        "AgentReadTokens": "tokens that these requests read from the cache",
        "AgentWriteTokens": "tokens that they wrote to the cache",
        "AgentInputTokens": "tokens that they sent uncached",
        "AgentMissedUSD": (
            "US dollars that misses and drift paid for the prefix beyond the price of a read; "
            "absent where a price is unknown"
        ),
    },
}
METRICS = {
    name: Metric(_UNITS.get(name, "Count"), by, meaning)
    for by, meanings in _MEANINGS.items()
    for name, meaning in meanings.items()
}
# Written if not zero, whatever the setting `metrics`.
ALWAYS = frozenset({TROUBLE, *TROUBLES})


def metric(
    service: str,
    name: str,
    *,
    statistic: str = "Sum",
    period: Duration | None = None,
    label: str | None = None,
) -> cloudwatch.Metric:
    """Return one metric of a warmer."""
    assert name in METRICS
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service},
        statistic=statistic,
        period=period or Duration.minutes(5),
        label=label,
    )
