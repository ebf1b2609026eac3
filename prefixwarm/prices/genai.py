"""Prices from the maintained genai-prices package, imported only when needed."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.fields import model_names
from prefixwarm.prices.price_table import OtherRates, Rates

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice


_FIELDS = (
    "input_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "output_mtok",
)
_OTHERS = ("openai", "google")


@lru_cache(maxsize=1)
def release() -> str | None:
    """Name and version of the package, or None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"genai-prices {version('genai-prices')}"
    except PackageNotFoundError:
        return None


def rates(model: str, prompt_tokens: int) -> Rates | None:
    """Today's prices of a model in genai-prices, in US dollars per million tokens.

    None if the package is absent, does not have the model, or lacks one of the tiers.
    """
    model_info = _find(model) if release() else None
    if model_info is None:
        return None
    prices = model_info.get_prices(datetime.now(timezone.utc))
    figures = [_tier(prices, field, prompt_tokens) for field in _FIELDS]
    complete = [figure for figure in figures if figure is not None]
    return Rates(*complete) if len(complete) == len(figures) else None


def other_rates(model: str, prompt_tokens: int) -> OtherRates | None:
    """Today's prices of an OpenAI or Google model, as in `rates`; missing ones are None."""
    if not release():
        return None
    from genai_prices.data_snapshot import get_snapshot

    providers = [p for p in get_snapshot().providers if p.id in _OTHERS]
    matches = (match for p in providers if (match := p.find_model(model)) and match.id == model)
    model_info = next(matches, None)
    if model_info is None:
        return None
    prices = model_info.get_prices(datetime.now(timezone.utc))
    fields = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
    paid, read, written, output = (_tier(prices, field, prompt_tokens) for field in fields)
    return OtherRates(paid, read, written, None, output) if paid and output else None


def _find(model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    provider = next(p for p in get_snapshot().providers if p.id == "anthropic")
    model_info = provider.find_model(model)
    # The package matches by the start of an id, so a model it does not have yet can look like an
    # older one.
    name = model_names.parse(model_info.id) if model_info else None
    return model_info if name and name.model == model else None


def _tier(prices: ModelPrice, field: str, prompt_tokens: int) -> Decimal | None:
    from genai_prices.types import TieredPrices

    price: Decimal | TieredPrices | None = getattr(prices, field)
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
    return reached[-1] if reached else price.base
