"""What a call may cost at most, estimated from its request before it is sent."""

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

# A budget is asked with the most that the text may be: a third more than is likely.
_MOST, _USUAL = 4, 3


@dataclass(frozen=True)
class CallEstimate:
    """What a call may cost at most.

    Attributes
    ----------
    model : str
        The model's id; empty where the request names none.
    input_tokens, output_tokens : int
        The prompt's estimated size, and the most that may be generated.
    usd : float or None
        US dollars where all of the prompt is written to the cache, if the request asks for that,
        or else is uncached. None where the price is unknown.
    """

    model: str
    input_tokens: int
    output_tokens: int
    usd: float | None

    @property
    def tokens(self) -> int:
        """Both together."""
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
        Its body, or the arguments of the function that sends it.
    model
        Its model; by default what the request names.
    output_tokens
        What it may generate where it sets no limit.
    prices
        The user's own.
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
    """The most tokens that may be generated; None where the request does not say."""
    values = [request.get(name) for name in _LIMITS]
    for outer, inner in _NESTED_LIMITS:
        nested = request.get(outer)
        values.append(nested.get(inner) if isinstance(nested, Mapping) else None)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


def _dollars(prices: ModelPrices, request: Mapping[str, Any], prompt: int, output: int) -> Decimal:
    return (_prompt_price(prices, request) * prompt + prices.output * output) / 1_000_000


def _prompt_price(prices: ModelPrices, request: Mapping[str, Any]) -> Decimal:
    """The dearest price that a token of the prompt may have."""
    try:
        ttls = {_ttl(block["cache_control"]) for _, block in markers(request)}
    except (TypeError, AttributeError):
        ttls = {"5m", "1h"}  # of another form than is known
    if request.get("cache_control") is not None:
        ttls.add(_ttl(request["cache_control"]))
    of_claude = [prices.write_1h if ttl == "1h" else prices.write_5m for ttl in ttls]
    # OpenAI writes without being asked.
    asked = request.get("prompt_cache_options")
    longer = isinstance(asked, Mapping) and asked.get("ttl") == "12h"
    dearest = [*of_claude, prices.write_12h if longer else prices.write_30m]
    return max([prices.input, *(one for one in dearest if one is not None)])


def _ttl(marker: object) -> str:
    return "1h" if isinstance(marker, Mapping) and marker.get("ttl") == "1h" else "5m"
