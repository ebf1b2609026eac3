"""Estimates the most a call can cost, from its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.library.message_size import prompt_tokens
from prefixwarm.prefix.body import is_converse, markers
from prefixwarm.prices import price

if TYPE_CHECKING:
    from decimal import Decimal

    from prefixwarm.prices import ModelPrices, OwnPrices

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_NESTED_LIMITS = (("inferenceConfig", "maxTokens"), ("config", "max_output_tokens"))

# Budgets use an upper limit of the tokens: a third more than the estimate.
_MOST, _USUAL = 4, 3


@dataclass(frozen=True)
class CallEstimate:
    """The most a call can cost.

    Attributes
    ----------
    model : str
        The model's id; empty if the request names none.
    input_tokens, output_tokens : int
        The prompt's estimated size, and the output limit.
    usd : float or None
        US dollars if the whole prompt is written to the cache (when the request asks for caching)
        or is uncached (when it does not). None if the price is unknown.
    """

    model: str
    input_tokens: int
    output_tokens: int
    usd: float | None

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


def estimate_call(
    request: Mapping[str, Any],
    model: str | None,
    *,
    output_tokens: int,
    prices: OwnPrices | None,
) -> CallEstimate:
    """Estimate a call.

    Parameters
    ----------
    request
        The call's body, or the arguments of the function that sends it.
    model
        The model; by default the one in the request.
    output_tokens
        The assumed output if the request sets no limit.
    prices
        The user's own prices.
    """
    named = model or str(request.get("model") or request.get("modelId") or "")
    prompt = -(-prompt_tokens(request, named) * _MOST // _USUAL)
    most = _limit(request)
    output = output_tokens if most is None else most
    route = _route(request, named)
    model_prices = price(named, own=prices, prompt_tokens=prompt, route=route) if named else None
    usd = None if model_prices is None else float(_dollars(model_prices, request, prompt, output))
    return CallEstimate(named, prompt, output, usd)


def _route(request: Mapping[str, Any], model: str) -> str:
    if is_converse(request):
        return "bedrock-converse"
    return "bedrock" if "anthropic." in model else "anthropic"


def _limit(request: Mapping[str, Any]) -> int | None:
    """The request's output limit; None if it sets none."""
    values = [request.get(name) for name in _LIMITS]
    for outer, inner in _NESTED_LIMITS:
        nested = request.get(outer)
        values.append(nested.get(inner) if isinstance(nested, Mapping) else None)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


def _dollars(prices: ModelPrices, request: Mapping[str, Any], prompt: int, output: int) -> Decimal:
    return (_prompt_price(prices, request) * prompt + prices.output * output) / 1_000_000


def _prompt_price(prices: ModelPrices, request: Mapping[str, Any]) -> Decimal:
    """The highest price that a prompt token can have."""
    try:
        ttls = {_ttl(block["cache_control"]) for _, block in markers(request)}
    except (TypeError, AttributeError):
        ttls = {"5m", "1h"}  # of an unknown form
    if request.get("cache_control") is not None:
        ttls.add(_ttl(request["cache_control"]))
    of_claude = [prices.write_1h if ttl == "1h" else prices.write_5m for ttl in ttls]
    # OpenAI writes to the cache unasked.
    asked = request.get("prompt_cache_options")
    longer = isinstance(asked, Mapping) and asked.get("ttl") == "12h"
    dearest = [*of_claude, prices.write_12h if longer else prices.write_30m]
    return max([prices.input, *(one for one in dearest if one is not None)])


def _ttl(marker: object) -> str:
    return "1h" if isinstance(marker, Mapping) and marker.get("ttl") == "1h" else "5m"
