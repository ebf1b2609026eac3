"""Dollars from usage, and what a model needs before it caches."""

from prefixwarm.prices.lookup import ModelPrices, cost, lookup
from prefixwarm.prices.minimums import minimum_tokens

__all__ = ["ModelPrices", "cost", "lookup", "minimum_tokens"]
