"""Counts what the questions cost, and stops before a cap is passed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.prices.model_price import price
from prefixwarm.prices.usage_cost import cost

if TYPE_CHECKING:
    from prefixwarm.prices.lookup import ModelPrices

# No tokenizer makes more tokens than this of a byte of English.
_TOKENS_PER_BYTE = Decimal("0.5")
_MILLION = Decimal(1_000_000)


class CapReachedError(Exception):
    """The next call might pass the cap; it was not sent."""


class Spending:
    """What was billed so far, in US dollars.

    Parameters
    ----------
    cap
        The most that may be spent.
    model, route
        What is called, which says the prices.

    Attributes
    ----------
    spent : Decimal
        US dollars so far.
    is_over : bool
        Whether a call was not sent for the cap.

    Raises
    ------
    UsageError
        When the model's price is unknown: then no cap would hold.
    """

    def __init__(self, cap: Decimal, model: str, route: str) -> None:
        self.cap = cap
        self.spent = Decimal(0)
        self.is_over = False
        self._model = model
        self._route = route
        if self._prices(None) is None:
            raise UsageError(f"--model {model}: its price is unknown, so no cap would hold")

    def most(self, body: dict[str, Any], size: int) -> Decimal:
        """The most that a call with a body of `size` bytes may cost.

        Raises
        ------
        CapReachedError
            When that is more than is left.
        """
        prices = self._prices(body.get("inference_geo"))
        usd = None if prices is None else _most(prices, size, body.get("max_tokens", 1))
        if usd is None or self.spent + usd > self.cap:
            self.is_over = True
            raise CapReachedError
        return usd

    def add(self, usage: object, body: dict[str, Any], most: Decimal) -> None:
        """Count one reply; where it does not say what it billed, the most that it may have."""
        try:
            usd = cost(
                usage,
                self._model,
                route=self._route,
                inference_geo=body.get("inference_geo"),
            )
        except UsageError:
            usd = None
        self.spent += most if usd is None else usd

    def _prices(self, geo: str | None) -> ModelPrices | None:
        return price(self._model, route=self._route, inference_geo=geo)


def _most(prices: ModelPrices, size: int, output_tokens: int) -> Decimal:
    dearest = max(
        rate for rate in (prices.input, prices.write_5m, prices.write_1h) if rate is not None
    )
    return (size * _TOKENS_PER_BYTE * dearest + output_tokens * prices.output) / _MILLION
