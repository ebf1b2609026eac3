"""Computes what one prefix costs, from its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.amounts import tokens
from prefixwarm.life import USUAL_PRICES, relative_prices
from prefixwarm.policy import Multipliers
from prefixwarm.prices import lookup

if TYPE_CHECKING:
    from prefixwarm.prefix.prefix_file import PrefixFile


@dataclass(frozen=True)
class PrefixCosts:
    """The prices of one prefix.

    Attributes
    ----------
    tokens : int or None
        Length of the prefix: the provider's count, else an estimate.
    minimum : int or None
        The model's minimum length of a cached prefix.
    unit_usd : float or None
        US dollars for one uncached read of the prefix; None if unknown.
    multipliers : Multipliers
        The model's; the usual ones if the price is unknown.
    latency_usd : float
        US dollars for the wait of one miss.
    source : str
        Source of the prices.
    is_estimated : bool
        Whether `tokens` is an estimate.
    """

    tokens: int | None
    minimum: int | None
    unit_usd: float | None
    multipliers: Multipliers
    latency_usd: float
    source: str
    is_estimated: bool = True

    @property
    def size(self) -> str:
        """`tokens` as text; ``~`` marks an estimate."""
        if self.tokens is None:
            return "an unknown number of"
        return tokens(self.tokens, estimated=self.is_estimated)

    @property
    def latency(self) -> float:
        """`latency_usd` in units of one uncached read."""
        return self.latency_usd / self.unit_usd if self.unit_usd else 0.0

    @property
    def prices(self) -> dict[str, Any]:
        """All prices in units of one uncached read, as `replay` and `optimum` take them."""
        return {**asdict(self.multipliers), "latency": self.latency}

    @property
    def too_short(self) -> bool:
        """Whether the prefix is below the model's minimum."""
        return None not in (self.tokens, self.minimum) and (self.tokens or 0) < (self.minimum or 0)

    def usd(self, units: float) -> float | None:
        """Convert a cost in units of one uncached read to US dollars."""
        return None if self.unit_usd is None else units * self.unit_usd


def costs_of(prefix: PrefixFile, latency_usd: float = 0.0) -> PrefixCosts:
    """Read a prefix file's prices, or today's if the file has none."""
    tokens = prefix.tokens.get("counted") or prefix.tokens.get("estimate")
    prices, source = dict(prefix.usd_per_mtok), str((prefix.prices or {}).get("source", ""))
    if not prices:
        price_row = lookup(prefix.priced_model, route=prefix.route, prompt_tokens=tokens)
        if price_row is not None:
            names = ("input", "read", "write_5m", "write_1h")
            prices, source = {n: float(getattr(price_row, n)) for n in names}, price_row.source
    unit = prices.get("input")
    complete = tokens and all(prices.get(name) for name in ("input", *USUAL_PRICES))
    return PrefixCosts(
        tokens=tokens,
        minimum=prefix.tokens.get("minimum"),
        unit_usd=unit * tokens / 1e6 if complete and unit and tokens else None,
        multipliers=Multipliers(**relative_prices(prices)),
        latency_usd=latency_usd,
        source=source if complete else "unknown",
        is_estimated=not prefix.tokens.get("counted"),
    )
