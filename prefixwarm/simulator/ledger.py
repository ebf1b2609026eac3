"""Bills served requests in exact decimals, with the shared price table."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from prefixwarm.fields.model_names import parse
from prefixwarm.life import PRICE_CATEGORIES
from prefixwarm.prices import cost, lookup
from prefixwarm.prices.price_table import table

_BATCH = Decimal("0.5")


class Tariff(NamedTuple):
    """The properties that decide the price of a request's tokens: those of `lookup`, and `batch`.

    Attributes
    ----------
    prompt_tokens : int
        A prompt length in the request's price tier.
    batch : bool
        Whether it was in a batch, which costs half.
    """

    model: str
    route: str
    region: str | None
    inference_geo: str | None
    speed: str | None
    prompt_tokens: int
    batch: bool


class Bill(NamedTuple):
    """One request's tokens by category, and their tariff."""

    tariff: Tariff
    tokens: tuple[int, int, int, int, int]

    def dollars(self) -> Decimal | None:
        """Return US dollars; None if the price is unknown."""
        return _dollars(self.tariff, self.tokens)


def tier(model: str, prompt_tokens: int) -> int:
    """Return a prompt length that represents its price tier."""
    name = parse(model)
    above = table()["models"].get(name.model, {}).get("above") if name else None
    threshold = above["prompt_tokens"] if above else None
    return threshold + 1 if threshold is not None and prompt_tokens > threshold else 0


class Ledger:
    """Tokens billed since the start, for warm calls and other calls."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[bool, Tariff], list[int]] = defaultdict(lambda: [0] * 6)

    def clear(self) -> None:
        """Clear the bill."""
        self._tokens.clear()

    def add(self, bill: Bill, *, warm: bool) -> None:
        """Bill one request."""
        row = self._tokens[warm, bill.tariff]
        for index, amount in enumerate((*bill.tokens, 1)):
            row[index] += amount

    def public(self) -> dict[str, Any]:
        """Return requests, tokens and US dollars, in total and by kind of call.

        Dollars are None, never 0, if any model's price is unknown.
        """
        rows = list(self._tokens.items())
        return {
            "total": _summary(list(rows)),
            "warm": _summary([row for row in rows if row[0][0]]),
            "other": _summary([row for row in rows if not row[0][0]]),
        }


def _summary(rows: list[tuple[tuple[bool, Tariff], list[int]]]) -> dict[str, Any]:
    sums = [sum(counts) for counts in zip(*(row for _, row in rows), strict=True)] or [0] * 6
    dollars = [_dollars(tariff, (c[0], c[1], c[2], c[3], c[4])) for (_, tariff), c in rows]
    priced = [amount for amount in dollars if amount is not None]
    total = sum(priced, Decimal(0)) if len(priced) == len(dollars) else None
    return {
        "requests": sums[5],
        **dict(zip(PRICE_CATEGORIES, sums[:5], strict=True)),
        "cost_usd": total,
    }


def _dollars(tariff: Tariff, tokens: tuple[int, int, int, int, int]) -> Decimal | None:
    terms = tariff._asdict()
    batch = terms.pop("batch")
    prices = lookup(**terms)
    if prices is None:
        return None
    dollars = cost(prices, **dict(zip(PRICE_CATEGORIES, tokens, strict=True)))
    return dollars * _BATCH if batch else dollars
