"""Looks up the price of any model: the user's own prices first, then the provider's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from prefixwarm.errors import UsageError
from prefixwarm.fields import model_names
from prefixwarm.prices import genai, price_table
from prefixwarm.prices.lookup import ModelPrices, lookup, newest
from prefixwarm.state.outcome import CATEGORIES

# US dollars per million tokens by category, by model id.
OwnPrices: TypeAlias = Mapping[str, Mapping[str, "float | str | Decimal"]]

_NEEDED = ("input", "output")
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price(
    model: str,
    *,
    own: OwnPrices | None = None,
    route: str = "anthropic",
    prompt_tokens: int | None = None,
    inference_geo: str | None = None,
    speed: str | None = None,
    region: str | None = None,
) -> ModelPrices | None:
    """Look up the prices of a model of any provider.

    Parameters
    ----------
    model : str
        Any spelling of a model id.
    own : mapping, optional
        Your own prices, which come first: by model id, US dollars per million tokens for ``input``,
        ``output``, ``read``, ``write_5m``, ``write_1h``, ``write_30m`` and ``write_12h``. The first
        two are required; the others are unknown if left out. They are used without any factor.
    route, prompt_tokens, inference_geo, speed, region
        For a Claude model, see `lookup`; for others, only `prompt_tokens` applies.

    Returns
    -------
    ModelPrices or None
        None if the price is unknown; it is never assumed to be zero.

    Raises
    ------
    UsageError
        `own` holds something other than prices.
    SettingsError
        The route is unknown.

    Examples
    --------
    >>> price("claude-sonnet-5-5").write_1h
    Decimal('4')
    >>> price("mine", own={"mine": {"input": 1, "output": 5, "read": 0.1}}).read
    Decimal('0.1')
    """
    if own is not None and not isinstance(own, Mapping):
        raise UsageError("own prices: write a mapping by model id")
    row = _row(model, own or {})
    if row is not None:
        return _own(model, row)
    return lookup(
        model,
        route=route,
        prompt_tokens=prompt_tokens,
        inference_geo=inference_geo,
        speed=speed,
        region=region,
    ) or _other(model, prompt_tokens or 0)


def _row(model: str, own: OwnPrices) -> Mapping[str, float | str | Decimal] | None:
    """The user's prices under this id, or under another spelling of the same model."""
    if model in own:
        return own[model]
    name = model_names.parse(model)
    same = (row for other, row in own.items() if name and _names(other, name))
    return next(same, None)


def _names(model: str, name: model_names.ModelName) -> bool:
    """Whether an id without a geography names this model."""
    other = model_names.parse(model)
    return other is not None and other.model == name.model and other.geography is None


def _own(model: str, row: Mapping[str, float | str | Decimal]) -> ModelPrices:
    if not isinstance(row, Mapping):
        raise UsageError(f"own price of {model}: is no mapping; write {', '.join(CATEGORIES)}")
    unknown = [name for name in row if name not in CATEGORIES]
    missing = [name for name in _NEEDED if name not in row]
    if unknown or missing:
        what = f"{unknown[0]!r} is not a category" if unknown else f"{missing[0]} is missing"
        raise UsageError(f"own price of {model}: {what}; write {', '.join(CATEGORIES)}")
    usd = {name: _dollars(model, name, value) for name, value in row.items()}
    rates = price_table.Rates(**usd)
    today = datetime.now(timezone.utc).date().isoformat()
    return ModelPrices(model, **rates._asdict(), as_of=today, source="own")


def _dollars(model: str, name: str, value: float | str | Decimal) -> Decimal:
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not (usd.is_finite() and usd >= 0):
        raise UsageError(f"own price of {model}: {name} is not a price in US dollars per million")
    return usd


def _other(model: str, prompt_tokens: int) -> ModelPrices | None:
    name = _DATE.sub("", model.rpartition("/")[2].lower())
    ours = price_table.rates(price_table.other_table(), name, prompt_tokens)
    listed = genai.other_rates(name, prompt_tokens)
    prices = newest(model, listed, ours, price_table.other_table())
    # The package does not list the longer life.
    return replace(prices, write_12h=ours.write_12h) if prices and ours else prices
