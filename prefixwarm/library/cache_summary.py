"""Totals of a group of requests, in tokens, rates and dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.library.token_sums import Sums
from prefixwarm.library.warm_result import sum_usd
from prefixwarm.prices import cost
from prefixwarm.state.outcome import CATEGORIES, Usage
from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.usage.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.library.token_sums import Group
    from prefixwarm.prices import OwnPrices


@dataclass(frozen=True)
class CacheSummary:
    """Cache totals of a group of requests; warm calls are counted separately.

    Attributes
    ----------
    requests, hits, unmeasured : int
        Requests with a usage; those of them that read something; and requests with no usage (such
        as some streams) or an invalid one.
    read_tokens, write_tokens, input_tokens, output_tokens : int
        Tokens read from the cache, written to it, uncached, and generated.
    warm_calls, warm_write_tokens, warm_read_tokens : int
        Warm calls, and the tokens they wrote and read.
    read_after_warm_tokens : int
        The part of `read_tokens` read while an entry from a warm call was alive.
    cost_usd, warm_cost_usd, uncached_usd : float or None
        Cost in US dollars of the requests, of the warm calls, and of the requests without any
        cache. None if a needed price is unknown, or a request is unmeasured.
    """

    requests: int
    hits: int
    unmeasured: int
    read_tokens: int
    write_tokens: int
    input_tokens: int
    output_tokens: int
    warm_calls: int
    warm_write_tokens: int
    warm_read_tokens: int
    read_after_warm_tokens: int
    cost_usd: float | None
    warm_cost_usd: float | None
    uncached_usd: float | None

    @property
    def hit_rate(self) -> float | None:
        """The share of the prompts' tokens read from the cache, 0 to 1; None without tokens."""
        return hit_rate(self.read_tokens, self.write_tokens, self.input_tokens)

    @property
    def request_hit_rate(self) -> float | None:
        """The share of requests that read something, 0 to 1; None without requests."""
        return self.hits / self.requests if self.requests else None

    @property
    def reads_per_warm_write(self) -> float | None:
        """Tokens read after warm calls per token they wrote; None if they wrote none."""
        written = self.warm_write_tokens
        return self.read_after_warm_tokens / written if written else None

    @property
    def saved_usd(self) -> float | None:
        """What the cache saved minus the warm calls; negative if it cost more; None if unknown."""
        if None in (self.cost_usd, self.warm_cost_usd, self.uncached_usd):
            return None
        return (self.uncached_usd or 0) - (self.cost_usd or 0) - (self.warm_cost_usd or 0)


def summarize(rows: Iterable[tuple[Group, Sums]], prices: OwnPrices | None) -> CacheSummary:
    """Summarise groups of requests from their sums."""
    real, warm = Sums(), Sums()
    usd: dict[str, float | None] = {"real": 0.0, "warm": 0.0, "uncached": 0.0}
    for group, sums in rows:
        kind = "warm" if group.warm else "real"
        (warm if group.warm else real).add(sums)
        usage = Usage(**{name: getattr(sums, name) for name in CATEGORIES})
        usd[kind] = sum_usd(usd[kind], None if sums.unmeasured else _usd(group, usage, prices))
        if not group.warm:
            uncached = Usage(input=sums.prompt, output=sums.output)
            amount = None if sums.unmeasured else _usd(group, uncached, prices)
            usd["uncached"] = sum_usd(usd["uncached"], amount)
    return CacheSummary(
        requests=real.requests,
        hits=real.hits,
        unmeasured=real.unmeasured,
        read_tokens=real.read,
        write_tokens=real.written,
        input_tokens=real.input,
        output_tokens=real.output,
        warm_calls=warm.requests + warm.unmeasured,
        warm_write_tokens=warm.written,
        warm_read_tokens=warm.read,
        read_after_warm_tokens=real.read_after_warm,
        cost_usd=usd["real"],
        warm_cost_usd=usd["warm"],
        uncached_usd=usd["uncached"],
    )


def _usd(group: Group, usage: Usage, prices: OwnPrices | None) -> float | None:
    """The cost of a group's tokens; all its prompts are in one price tier."""
    if usage.prompt + usage.output == 0:
        return 0.0
    if not group.model:
        return None
    geo, speed, tier = group.served
    reading = Reading(
        form=group.form, usage=usage, inference_geo=geo, speed=speed, service_tier=tier
    )
    dollars = cost(
        reading,
        group.model,
        own=prices,
        prompt_tokens=group.longer_than + 1,
    )
    return None if dollars is None else float(dollars)
