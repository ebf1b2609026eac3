"""The ``usage`` object of a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefixwarm.simulator.cache import CacheEffect
    from prefixwarm.simulator.call import Call
    from prefixwarm.simulator.settings import Switches


Json = dict[str, Any]


def build(call: Call, effect: CacheEffect, output: int, switches: Switches) -> Json:
    """Report what a request used.

    Parameters
    ----------
    call : Call
        The validated request.
    effect : CacheEffect
        What the cache did.
    output : int
        Output tokens.
    switches : Switches
        For the older shapes.
    """
    usage: Json = {
        "input_tokens": effect.input,
        "cache_creation_input_tokens": effect.write_5m + effect.write_1h,
        "cache_read_input_tokens": effect.read,
        **_cache_creation(effect, switches.legacy_usage),
    }
    if switches.iterations:
        usage["iterations"] = [{"type": "message", **usage, "output_tokens": output}]
    usage["output_tokens"] = output
    usage["service_tier"] = "batch" if call.batch else "standard"
    usage["inference_geo"] = call.body.get("inference_geo") or "global"
    if call.body.get("speed") == "fast":
        usage["speed"] = "fast"
    return usage


def _cache_creation(effect: CacheEffect, legacy: str) -> Json:
    if legacy == "missing":
        return {}
    split = {
        "ephemeral_5m_input_tokens": effect.write_5m,
        "ephemeral_1h_input_tokens": effect.write_1h,
    }
    return {"cache_creation": None if legacy == "null" else split}
