"""The result of one warm call of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.life import TTL_SECONDS
from prefixwarm.state.outcome import PARTIAL, REFRESHED, SKIPPED, WRITTEN, Usage
from prefixwarm.usage.miss_price import miss_usd
from prefixwarm.wire.record import Record

if TYPE_CHECKING:
    from prefixwarm.library.prepared_prefix import PreparedPrefix
    from prefixwarm.state.outcome import Outcome


class WarmResult(Record):
    """The result of one requested warm call.

    Attributes
    ----------
    name, model : str
        The prefix's name, and its model's id.
    outcome : str
        ``written``, ``refreshed`` (read, which extends its life), ``partial`` (part was read and
        the rest written), ``uncached`` (nothing was cached: never a success), ``skipped`` (nothing
        was sent) or ``failed``.
    reason : str
        Why, or "".
    input_tokens, output_tokens, cache_read_tokens : int
        Tokens billed as such; output is 0 if the provider allows that, otherwise 1.
    cache_creation_5m_tokens, cache_creation_1h_tokens : int
        Tokens written with a TTL of 5 minutes, and of an hour.
    cost_usd : float or None
        Cost of all its calls in US dollars; None if a price or usage is unknown.
    latency_seconds : float
        From sending to the reply.
    message_id : str
        The provider's id of the reply, or "".
    granted_ttl : int or None
        The entry's TTL in seconds.
    warm_until : float or None
        When the entry expires, in epoch seconds, if known.
    calls : int
        The number of requests sent: 0 if skipped, one more with ``verify=True``.
    verified_read_tokens : int or None
        Tokens that the second call of ``verify=True`` read; None without it.
    started_at : float
        When it was sent, in epoch seconds; the entry's life counts from then.
    """

    name: str
    model: str
    outcome: str
    reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_5m_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    cost_usd: float | None = 0.0
    latency_seconds: float = 0.0
    message_id: str = ""
    granted_ttl: int | None = None
    warm_until: float | None = None
    calls: int = 0
    verified_read_tokens: int | None = None
    started_at: float = 0.0
    lived_until: float | None = None
    miss_premium_usd: float | None = None

    @property
    def cache_creation_tokens(self) -> int:
        """Tokens written to the cache, with either TTL."""
        return self.cache_creation_5m_tokens + self.cache_creation_1h_tokens

    @property
    def ok(self) -> bool:
        """Whether the prefix is warm now, by this call or already."""
        if self.verified_read_tokens == 0:
            return False
        return self.outcome in (WRITTEN, REFRESHED, PARTIAL) or (
            self.outcome == SKIPPED and self.warm_until is not None
        )

    def estimated_savings(self, requests: int, gap_seconds: float | None = None) -> float | None:
        """Estimate the US dollars that the warm call saves if these requests follow it.

        The result may be negative: only an avoided miss counts, minus the price of the call.
        Requests within the TTL of each other keep the entry alive themselves, so at most the first
        would have missed; it would not if the entry was alive anyway.

        Parameters
        ----------
        requests : int
            How many will follow.
        gap_seconds : float, optional
            Seconds from the warm call to the first request, and between requests; by default the
            first comes at once.

        Returns
        -------
        float or None
            None if a price is unknown.
        """
        if self.cost_usd is None or (self.ok and self.calls and self.miss_premium_usd is None):
            return None
        avoided = requests > 0 and self._avoids_a_miss(gap_seconds or 0.0)
        return (self.miss_premium_usd or 0.0) * avoided - self.cost_usd

    def _avoids_a_miss(self, gap_seconds: float) -> bool:
        """Whether a request this much later reads what it would otherwise have written."""
        if not (self.ok and self.calls) or gap_seconds >= (self.granted_ttl or 0):
            return False
        if self.outcome != REFRESHED:
            return True
        return self.lived_until is not None and self.started_at + gap_seconds >= self.lived_until


def verified(result: WarmResult, again: Outcome) -> WarmResult:
    """Add the second call, which should have read the entry, to a result."""
    read = again.usage.read if again.usage else 0
    missed = "" if read else f"not verified: {again.reason or 'the second call read nothing'}"
    return result.replace(
        reason="; ".join(text for text in (result.reason, missed) if text),
        cost_usd=sum_usd(result.cost_usd, again.cost_usd if again.calls else 0.0),
        calls=result.calls + again.calls,
        verified_read_tokens=read,
        warm_until=again.warm_until or result.warm_until,
    )


def sum_usd(first: float | None, second: float | None) -> float | None:
    """Add the US dollars of two calls; None if one is unknown."""
    return None if first is None or second is None else first + second


def result_of(
    prepared: PreparedPrefix, outcome: Outcome, lived_until: float | None = None
) -> WarmResult:
    """Make the result from an outcome.

    Parameters
    ----------
    prepared : PreparedPrefix
        The prefix.
    outcome : Outcome
        The outcome of its call.
    lived_until : float, optional
        When the entry was known to expire before the call, in epoch seconds.
    """
    usage = outcome.usage or Usage()
    # If a call read a part and wrote the rest, only the written part counts.
    ttl, size = outcome.granted_ttl or TTL_SECONDS[prepared.file.ttl], usage.written or usage.read
    return WarmResult(
        name=prepared.name,
        model=prepared.file.model,
        outcome=outcome.kind,
        reason=outcome.reason,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.read,
        cache_creation_5m_tokens=usage.write_5m,
        cache_creation_1h_tokens=usage.write_1h,
        cost_usd=outcome.cost_usd if outcome.calls else 0.0,
        latency_seconds=outcome.seconds,
        message_id=outcome.message_id,
        granted_ttl=outcome.granted_ttl,
        warm_until=outcome.warm_until,
        calls=outcome.calls,
        started_at=outcome.started_at,
        lived_until=lived_until,
        miss_premium_usd=miss_usd(size, prepared.file.usd_per_mtok, ttl),
    )
