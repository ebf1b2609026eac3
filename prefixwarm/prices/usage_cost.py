"""Computes what a request cost, from the usage in its reply."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

from prefixwarm.errors import UsageError
from prefixwarm.prices.lookup import ModelPrices
from prefixwarm.prices.model_price import price
from prefixwarm.state.outcome import CATEGORIES, Usage
from prefixwarm.usage.reading import CONVERSE, Reading, read_usage

if TYPE_CHECKING:
    from prefixwarm.prices.model_price import OwnPrices

_MILLION = Decimal(1_000_000)
# https://platform.claude.com/docs/en/about-claude/pricing
_BATCH = Decimal("0.5")
# Other values in a reply, such as ``not_available``, do not affect the price.
_GEO = {"us": "us", "global": "global"}


@overload
def cost(
    usage: ModelPrices,
    *,
    input: int = 0,
    read: int = 0,
    write_5m: int = 0,
    write_1h: int = 0,
    output: int = 0,
) -> Decimal: ...


@overload
def cost(
    usage: object,
    model: str | ModelPrices | None = None,
    *,
    own: OwnPrices | None = None,
    route: str | None = None,
    prompt_tokens: int | None = None,
    inference_geo: str | None = None,
    speed: str | None = None,
    region: str | None = None,
) -> Decimal | None: ...


def cost(usage: object, model: str | ModelPrices | None = None, **more: Any) -> Decimal | None:
    """Compute what one request cost.

    Parameters
    ----------
    usage : object, mapping or ModelPrices
        A reply of any provider, or its usage; see `prefixwarm.usage`. If it is prices, give the
        tokens by category: ``input``, ``read``, ``write_5m``, ``write_1h``, ``output``.
    model : str or ModelPrices, optional
        The requested model; by default the one named in the reply. Prices from `price` or `lookup`
        are used as they are.
    own, route, prompt_tokens, inference_geo, speed, region
        As in `price`; by default taken from the reply and the model's id. A batch costs half.

    Returns
    -------
    Decimal or None
        US dollars, exact. None if a needed price is unknown or a token count is impossible; it is
        never assumed to be zero.

    Raises
    ------
    UsageError
        There is no usage in the argument, or nothing names its model, or the given prices lack one
        that is needed.

    Examples
    --------
    >>> usage = {"input_tokens": 12, "output_tokens": 200, "cache_read_input_tokens": 21_034}
    >>> cost(usage, "claude-sonnet-5-5")
    Decimal('0.0041274')
    """
    if isinstance(usage, ModelPrices):
        usd = _dollars(usage, Usage(**more))
        if usd is None:
            raise UsageError(f"cost: {usage.model} has no price for all of these tokens")
        return usd
    reading = _reading(usage)
    if reading.usage is None:
        return None
    prices = model if isinstance(model, ModelPrices) else _prices(reading, model, more)
    usd = None if prices is None else _dollars(prices, reading.usage)
    return usd if usd is None or reading.service_tier != "batch" else usd * _BATCH


def _reading(usage: object) -> Reading:
    reading = usage if isinstance(usage, Reading) else read_usage(usage)
    if reading is None:
        raise UsageError("cost: there is no usage in it; give a reply, or its usage")
    return reading


def _prices(reading: Reading, model: str | None, more: dict[str, Any]) -> ModelPrices | None:
    """The prices for the reply's own details and the caller's."""
    named = model or reading.model
    if not named:
        raise UsageError("cost: the usage names no model; give it as the second argument")
    terms = {
        "route": _route(reading.form, named),
        "prompt_tokens": reading.usage.prompt if reading.usage else 0,
        "inference_geo": _GEO.get(reading.inference_geo),
        "speed": reading.speed or None,
    }
    asked = {name: value for name, value in more.items() if value is not None}
    return price(named, **{**terms, **asked})


def _route(form: str, model: str) -> str:
    """The route, from the id: Bedrock's are spelled ``us.anthropic.claude-...``."""
    if form == CONVERSE:
        return "bedrock-converse"
    return "bedrock" if "anthropic." in model else "anthropic"


def _dollars(prices: ModelPrices, usage: Usage) -> Decimal | None:
    total = Decimal(0)
    for category in CATEGORIES:
        tokens: int = getattr(usage, category)
        usd: Decimal | None = getattr(prices, category)
        if tokens and usd is None:
            return None
        total += (usd or Decimal(0)) * tokens
    return total / _MILLION
