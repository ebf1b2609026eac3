"""Prices, costs in dollars, and the minimum length that a model caches."""

from prefixwarm.extras import needed_by

with needed_by("prefixwarm.prices"):
    from prefixwarm.prices.lookup import ModelPrices, lookup
    from prefixwarm.prices.minimums import minimum_tokens
    from prefixwarm.prices.model_price import OwnPrices, price
    from prefixwarm.prices.usage_cost import cost

__all__ = ["ModelPrices", "OwnPrices", "cost", "lookup", "minimum_tokens", "price"]
