"""Prices from the maintained genai-prices package, imported only when needed."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prefixwarm.fields import model_names
from prefixwarm.prices.price_table import Rates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice


# The package's fields by category: what Claude offers, and what others do.
_FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "read": "cache_read_mtok",
    "write_5m": "cache_write_mtok",
    "write_1h": "cache_write_1h_mtok",
}
_OTHER_FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "read": "cache_read_mtok",
    "write_30m": "cache_write_mtok",
}
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
    """Today's prices of a Claude model in genai-prices, in US dollars per million tokens.

    None if the package is absent, does not have the model, or lacks one of the categories.
    """
    return _rates(_claude(model), _FIELDS, tuple(_FIELDS), prompt_tokens) if release() else None


def other_rates(model: str, prompt_tokens: int) -> Rates | None:
    """Today's prices of an OpenAI or Google model, as in `rates`; those of the cache may lack."""
    if not release():
        return None
    return _rates(_other(model), _OTHER_FIELDS, ("input", "output"), prompt_tokens)


def _rates(
    model: ModelInfo | None, fields: Mapping[str, str], needed: Iterable[str], prompt_tokens: int
) -> Rates | None:
    if model is None:
        return None
    prices = model.get_prices(datetime.now(timezone.utc))
    usd: dict[str, Any] = {
        category: _tier(prices, field, prompt_tokens) for category, field in fields.items()
    }
    return Rates(**usd) if all(usd[category] for category in needed) else None


def _claude(model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    provider = next(p for p in get_snapshot().providers if p.id == "anthropic")
    model_info = provider.find_model(model)
    # The package matches by the start of an id, so a model it does not have yet can look like an
    # older one.
    name = model_names.parse(model_info.id) if model_info else None
    return model_info if name and name.model == model else None


def _other(model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    providers = [p for p in get_snapshot().providers if p.id in _OTHERS]
    matches = (match for p in providers if (match := p.find_model(model)) and match.id == model)
    return next(matches, None)


def _tier(prices: ModelPrice, field: str, prompt_tokens: int) -> Decimal | None:
    from genai_prices.types import TieredPrices

    price: Decimal | TieredPrices | None = getattr(prices, field)
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
    return reached[-1] if reached else price.base
