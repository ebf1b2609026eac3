"""The log line of an observed request, in the format of warm calls' lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.usage.reading import read_usage
from prefixwarm.warm.log_line import metric_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.settings import Settings
    from prefixwarm.state.outcome import Usage


DIAGNOSED = "AgentDiagnosed"
# The metrics behind the hit rate alarm.
HIT_RATE = ("AgentReadTokens", "AgentWriteTokens", "AgentInputTokens")
RESULTS = ("hit", "miss", "drift", "other")
_CAPTURE_AGAIN = "requests differ from the warmed prefix: capture again, or undo the change"


@dataclass(frozen=True)
class Observation:
    """What one real request did to the cache.

    Attributes
    ----------
    prefix : str
        Name of its prefix.
    drift : str or None
        The first tier that differs from the prefix.
    usage : Usage
        Billed tokens.
    started : float
        When it was sent, in epoch seconds.
    asked_ttl : int or None
        The TTL of its breakpoints, in seconds; None without breakpoints.
    other : str
        The model, if the request is not the warmed agent's; then there is no prefix or usage.
    missed_usd : float or None
        What it cost beyond the price of a read, in US dollars; None if a price is unknown.
    guessed : bool
        Whether the prefix was inferred from the model, because the request was not seen.
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
        """The share of its input tokens read from the cache; None without input tokens."""
        return hit_rate(self.usage.read, self.usage.written, self.usage.input)


def missed_usd(prefix: PrefixFile, usage: Usage, drift: str | None) -> float | None:
    """Return what a request cost for the prefix beyond the price of a read, in US dollars.

    Counts written and uncached tokens up to the prefix's length. None if a needed price is unknown.
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


def tokens_of(usage: object) -> Usage | None:
    """The tokens billed by a response's usage; None if it has none, or impossible ones."""
    reading = read_usage(usage)
    return reading.usage if reading else None


def length_of(prefix: PrefixFile) -> int:
    """The prefix's tokens, counted or else estimated; 0 if neither is known."""
    return prefix.tokens.get("counted") or prefix.tokens.get("estimate") or 0


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)


def metrics(seen: Observation) -> dict[str, tuple[float, str]]:
    """The metrics of an observation with units, zeros included."""
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
    """Return the log line of an observation.

    Parameters
    ----------
    seen : Observation
        The observation.
    settings : Settings
        The deployment's name, and the selection of metrics.
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


def unknown_line(prefix: str, settings: Settings, *, now: float) -> str:
    """Return the log line of a response whose usage cannot be read."""
    facts = {
        "prefix": prefix,
        "by": "observe",
        "result": "unknown",
        "level": "WARNING",
        "message": "the response's usage has no possible token counts: the request is not counted",
    }
    return _line({}, facts, settings, now)


def diagnosis_line(
    prefix: str,
    verdict: str,
    *,
    drift: bool,
    message_id: str,
    settings: Settings,
    now: float,
) -> str:
    """Return the log line of the provider's comparison of a request with the warm call.

    Parameters
    ----------
    prefix : str
        Name of the prefix.
    verdict : str
        The provider's reason; ``messages_changed`` is expected.
    drift : bool
        Whether it means that requests differ from the warm call.
    message_id : str
        The warm call's message id.
    settings, now
        As in `line`.
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
    """Return the log line that names the drifted block, without its text."""
    record = {"prefix": prefix, "by": "observe", "drift": tier, "place": place, "why": why}
    return json.dumps({**record, "level": "WARNING", "message": _CAPTURE_AGAIN})
