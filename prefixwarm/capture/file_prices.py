"""Prices in the form stored in a prefix file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.life import PRICE_CATEGORIES
from prefixwarm.prefix.body import as_messages
from prefixwarm.prices import price

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prices import OwnPrices


def prices_of(
    request: Mapping[str, Any],
    route: str,
    prompt_tokens: int,
    base_model: str | None = None,
    own: OwnPrices | None = None,
) -> dict[str, Any] | None:
    """Return the prices of a request's model with date and source, or None if unknown.

    An application inference profile has the price of `base_model`. The user's `own` prices come
    first.
    """
    request = as_messages(request)
    prices = price(
        base_model or str(request["model"]),
        own=own,
        route=route,
        prompt_tokens=prompt_tokens,
        inference_geo=request.get("inference_geo"),
        speed=request.get("speed"),
    )
    if prices is None:
        return None
    values = {category: getattr(prices, category) for category in PRICE_CATEGORIES}
    usd = {category: None if usd is None else float(usd) for category, usd in values.items()}
    return {"as_of": prices.as_of, "source": prices.source, "usd_per_mtok": usd}
