"""What an observed request leaves in the log: one line, written as the lines of warm calls are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.warm.log_line import metric_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.settings import Settings
    from prefixwarm.state.outcome import Usage


DIAGNOSED = "AgentDiagnosed"
# What the alarm on the hit rate is computed of.
HIT_RATE = ("AgentReadTokens", "AgentWriteTokens", "AgentInputTokens")
RESULTS = ("hit", "miss", "drift", "other")
_CAPTURE_AGAIN = "what the agent sends is not what is warmed: capture again, or undo the change"


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
    asked_ttl : int or None
        The TTL that its breakpoints ask for, in seconds; None without any.
    other : str
        The model of a request that is not the warmed agent's; then there is no prefix and usage.
    missed_usd : float or None
        What it paid beyond the price of a read, in US dollars; None when a price is unknown.
    guessed : bool
        Whether the prefix was concluded from the model alone, as nobody saw the request.
    """

    prefix: str
    drift: str | None
    usage: Usage
    started: float
    asked_ttl: int | None = None
    other: str = ""
    missed_usd: float | None = None
    guessed: bool = False

    @property
    def result(self) -> str:
        """``hit``, ``miss``, ``drift`` or ``other``."""
        if self.other:
            return "other"
        if self.drift is not None:
            return "drift"
        return "hit" if self.usage.read else "miss"

    @property
    def hit_rate(self) -> float | None:
        """The share of its input tokens that it read from the cache; None where it had none."""
        return hit_rate(self.usage.read, self.usage.written, self.usage.input)


def missed_usd(prefix: PrefixFile, usage: Usage, drift: str | None) -> float | None:
    """What a request paid for the prefix beyond the price of a read, in US dollars.

    Tokens that it wrote, or sent uncached, as far as the prefix is long; None when a price that is
    needed is unknown.
    """
    if drift is None and usage.read:
        return 0.0
    prices = prefix.usd_per_mtok
    rest = length_of(prefix) - usage.read
    missed = 0.0
    for category in ("write_1h", "write_5m", "input"):
        tokens = max(0, min(rest, getattr(usage, category)))
        rest -= tokens
        price, read = prices.get(category), prices.get("read")
        if tokens and (price is None or read is None):
            return None
        missed += tokens * ((price or 0.0) - (read or 0.0)) / 1e6
    return missed


def length_of(prefix: PrefixFile) -> int:
    """How many tokens the prefix has, as counted or else estimated; 0 where neither is known."""
    return prefix.tokens.get("counted") or prefix.tokens.get("estimate") or 0


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)


def metrics(seen: Observation) -> dict[str, tuple[float, str]]:
    """The metrics of one observation with their units: all results with their zeros."""
    values = {
        **{f"Agent{kind.title()}": kind == seen.result for kind in RESULTS},
        "AgentReadTokens": seen.usage.read,
        "AgentWriteTokens": seen.usage.written,
        "AgentInputTokens": seen.usage.input,
    }
    counts = {name: (float(value), "Count") for name, value in values.items()}
    if seen.missed_usd is None:
        return counts
    return {**counts, "AgentMissedUSD": (seen.missed_usd, "None")}


def line(seen: Observation, settings: Settings, *, now: float) -> str:
    """The log line of one observation.

    Parameters
    ----------
    seen : Observation
        What was observed.
    settings : Settings
        Name the deployment, and what becomes a metric.
    now : float
        Epoch seconds.
    """
    facts = {
        "prefix": seen.prefix or None,
        "by": "observe",
        "result": seen.result,
        "drift": seen.drift or None,
        "model": seen.other or None,
        "hit_rate": _rounded(seen.hit_rate),
    }
    return _line(metrics(seen), facts, settings, now)


def diagnosis_line(
    prefix: str,
    verdict: str,
    *,
    drift: bool,
    message_id: str,
    settings: Settings,
    now: float,
) -> str:
    """The log line of the provider's verdict on one request, compared with the warm call.

    Parameters
    ----------
    prefix : str
        Name of the prefix.
    verdict : str
        The provider's reason; ``messages_changed`` is the expected one.
    drift : bool
        Whether it means that something else is warmed than is sent.
    message_id : str
        The warm call's.
    settings, now
        As for `line`.
    """
    facts = {
        "prefix": prefix or None,
        "by": "observe",
        "diagnosis": verdict,
        "warm_message_id": message_id,
        "level": "WARNING" if drift else None,
        "message": _CAPTURE_AGAIN if drift else None,
    }
    return _line({DIAGNOSED: (1.0, "Count")}, facts, settings, now)


def _line(
    values: Mapping[str, tuple[float, str]],
    facts: Mapping[str, str | float | None],
    settings: Settings,
    now: float,
) -> str:
    also = HIT_RATE if settings.metrics == "hit-rate" else ()
    return metric_line(
        values,
        facts,
        service=settings.deployment,
        now=now,
        full=settings.full_metrics,
        also=tuple(name for name in also if name in values),
    )


def drift_line(prefix: str, tier: str, place: str, why: str) -> str:
    """The log line that names the block which drifted; the text itself is not logged."""
    record = {"prefix": prefix, "by": "observe", "drift": tier, "place": place, "why": why}
    return json.dumps({**record, "level": "WARNING", "message": _CAPTURE_AGAIN})
