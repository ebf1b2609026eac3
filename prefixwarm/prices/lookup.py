"""Looks up a Claude model's prices for one way of calling it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal

from prefixwarm.fields import model_names
from prefixwarm.prices import genai
from prefixwarm.prices import price_table as shipped

_BEDROCK = ("bedrock", "bedrock-converse", "bedrock-mantle")


@dataclass(frozen=True)
class ModelPrices:
    """The prices of one model on one route.

    Attributes
    ----------
    model : str
        The id as passed.
    input, output : Decimal
        US dollars per million tokens: uncached input, output.
    read, write_5m, write_1h, write_30m, write_12h : Decimal or None
        The same for a cache read, and for cache writes by TTL: Claude offers 5 minutes and an hour,
        OpenAI 30 minutes and 12 hours. None if not offered, or unknown.
    as_of : str
        The day to which the prices apply, ISO 8601.
    source : str
        Their source.
    """

    model: str
    input: Decimal
    read: Decimal | None
    write_5m: Decimal | None
    write_1h: Decimal | None
    output: Decimal
    as_of: str
    source: str
    write_30m: Decimal | None = None
    write_12h: Decimal | None = None


def lookup(
    model: str,
    *,
    route: str = "anthropic",
    prompt_tokens: int | None = None,
    inference_geo: str | None = None,
    speed: str | None = None,
    region: str | None = None,
) -> ModelPrices | None:
    """Look up the prices of a Claude model; see `price` for other providers.

    Parameters
    ----------
    model : str
        Any spelling of a model id, see `prefixwarm.fields.model_names.parse`.
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    prompt_tokens : int, optional
        Of the whole prompt, including read and written ones; by default the model's first tier.
    inference_geo, speed : str, optional
        As in the request: ``us`` costs 1.1 times as much, ``fast`` twice, if the model has it.
    region : str, optional
        On Bedrock, ``global`` for the global price; otherwise the price is regional unless the
        model id starts with ``global.``.

    Returns
    -------
    ModelPrices or None
        None if the price is unknown; it is never assumed to be zero.

    Raises
    ------
    SettingsError
        The route is unknown.
    """
    # Imported here: it also loads signing and sending, which prices do not need.
    from prefixwarm.provider.routes import route_named

    route_named(route)
    name = model_names.parse(model)
    if name is None:
        return None
    ours = shipped.rates(shipped.table(), name.model, prompt_tokens or 0)
    listed = genai.rates(name.model, prompt_tokens or 0)
    prices = newest(model, listed, ours, shipped.table())
    factor = _factor(name, route, inference_geo, speed, region)
    if prices is None or factor is None:
        return None
    usd = {category: getattr(prices, category) for category in shipped.Rates._fields}
    scaled = {category: rate * factor for category, rate in usd.items() if rate is not None}
    return replace(prices, **scaled)


def newest(
    model: str, listed: shipped.Rates | None, ours: shipped.Rates | None, table: shipped.Table
) -> ModelPrices | None:
    """Return the prices of genai-prices, or else those of the shipped table; None for neither."""
    if listed:
        today = datetime.now(timezone.utc).date().isoformat()
        return ModelPrices(model, **listed._asdict(), as_of=today, source=str(genai.release()))
    if ours:
        return ModelPrices(model, **ours._asdict(), as_of=table["as_of"], source="prefixwarm")
    return None


def _factor(
    name: model_names.ModelName,
    route: str,
    inference_geo: str | None,
    speed: str | None,
    region: str | None,
) -> Decimal | None:
    """The factor on all prices for this way of calling; None if the model does not offer it.

    Sources: https://platform.claude.com/docs/en/about-claude/pricing; the AWS price list for the
    regional endpoints of Bedrock.
    """
    geo, fast = _geo(name, inference_geo), _speed(name, speed)
    if geo is None or fast is None:
        return None
    return geo * fast * _endpoint(name, route, region)


def _geo(name: model_names.ModelName, inference_geo: str | None) -> Decimal | None:
    if inference_geo in (None, "global"):
        return Decimal(1)
    return Decimal("1.1") if inference_geo == "us" and name.generation >= (4, 6) else None


def _speed(name: model_names.ModelName, speed: str | None) -> Decimal | None:
    if speed in (None, "standard"):
        return Decimal(1)
    fast = shipped.table()["models"].get(name.model, {}).get("fast", False)
    return Decimal(2) if speed == "fast" and fast else None


def _endpoint(name: model_names.ModelName, route: str, region: str | None) -> Decimal:
    regional = route in _BEDROCK and "global" not in (region, name.geography)
    return Decimal("1.1") if regional and name.generation >= (4, 5) else Decimal(1)
