"""What some requests billed together, in tokens, rates and dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.library.token_sums import Sums
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
    """What some requests did to the cache; warm calls are counted beside.

    Attributes
    ----------
    requests, hits, unmeasured : int
        Requests that said what they billed, those of them that read something, and requests that
        did not say (such as a stream without usage), or said what cannot be.
    read_tokens, write_tokens, input_tokens, output_tokens : int
        Tokens read from the cache, written to it, uncached, and generated.
    warm_calls, warm_write_tokens, warm_read_tokens : int
        Warm calls, and what they wrote and read.
    read_after_warm_tokens : int
        Of `read_tokens`, those read while an entry lived that a warm call wrote or refreshed.
    cost_usd, warm_cost_usd, uncached_usd : float or None
        US dollars of the requests, of the warm calls, and what the requests would have cost
        without any cache. None where a price is unknown that is needed, or a request is unmeasured.
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
        """Of the prompts' tokens, the share read from the cache, 0 to 1; None without any."""
        return hit_rate(self.read_tokens, self.write_tokens, self.input_tokens)

    @property
    def request_hit_rate(self) -> float | None:
        """Of the requests, the share that read something, 0 to 1; None without any."""
        return self.hits / self.requests if self.requests else None

    @property
    def reads_per_warm_write(self) -> float | None:
        """Tokens read after warm calls for each token that these wrote; None without any."""
        written = self.warm_write_tokens
        return self.read_after_warm_tokens / written if written else None

    @property
    def saved_usd(self) -> float | None:
        """What the cache saved, less the warm calls; negative where it cost more. None: unknown."""
        if None in (self.cost_usd, self.warm_cost_usd, self.uncached_usd):
            return None
        return (self.uncached_usd or 0) - (self.cost_usd or 0) - (self.warm_cost_usd or 0)


def summarize(rows: Iterable[tuple[Group, Sums]], prices: OwnPrices | None) -> CacheSummary:
    """The summary of some groups of requests, by their sums."""
    real, warm = Sums(), Sums()
    usd: dict[str, float | None] = {"real": 0.0, "warm": 0.0, "uncached": 0.0}
    for group, sums in rows:
        kind = "warm" if group.warm else "real"
        (warm if group.warm else real).add(sums)
        usage = Usage(**{name: getattr(sums, name) for name in CATEGORIES})
        usd[kind] = _plus(usd[kind], None if sums.unmeasured else _usd(group, usage, prices))
        if not group.warm:
            uncached = Usage(input=sums.prompt, output=sums.output)
            amount = None if sums.unmeasured else _usd(group, uncached, prices)
            usd["uncached"] = _plus(usd["uncached"], amount)
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


def _plus(total: float | None, amount: float | None) -> float | None:
    return None if total is None or amount is None else total + amount


def _usd(group: Group, usage: Usage, prices: OwnPrices | None) -> float | None:
    """Dollars of a group's tokens, in the tier of prices that all of its prompts are in."""
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
