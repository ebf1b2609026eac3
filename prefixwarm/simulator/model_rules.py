"""400s that depend on the model, the version or the route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.api_errors import invalid
from prefixwarm.simulator.validation import NEWEST_VERSION

if TYPE_CHECKING:
    from prefixwarm.simulator.model_catalog import Model


Json = dict[str, Any]

_SAMPLING = ("temperature", "top_p", "top_k")
_NO_PREFILL = (4, 6)
_NO_BUDGET = (4, 7)
_ADAPTIVE = (4, 6)
_GEOGRAPHY = (4, 6)


def check(request: Json, model: Model, *, route: str, version: str) -> None:
    """Refuse what this model, version or route does not take.

    Notes
    -----
    https://platform.claude.com/docs/en/api/versioning and .../api/errors.

    Raises
    ------
    ApiError
        400.
    """
    if version == NEWEST_VERSION:
        _version(request)
    if request["messages"][-1]["role"] == "assistant" and model.generation >= _NO_PREFILL:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    _thinking((request.get("thinking") or {}).get("type"), model)
    forced = (request.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and model.refuses_forced_tools:
        raise invalid("tool_choice: forced tool use is not supported by this model")
    if request.get("inference_geo") == "us" and model.generation < _GEOGRAPHY:
        raise invalid(f"inference_geo: '{model.id}' does not support 'us'")
    if request.get("speed") == "fast" and (route != "anthropic" or not model.fast):
        raise invalid(f"speed: '{model.id}' does not support fast mode here")
    _route(request, route)


def _version(request: Json) -> None:
    for name in _SAMPLING:
        if request.get(name) is not None:
            raise invalid(f"{name}: not supported with anthropic-version {NEWEST_VERSION}")
    for number, message in enumerate(request["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        for index, block in enumerate(blocks):
            path = f"messages.{number}.content.{index}"
            if message["role"] == "assistant" and block["type"] == "document":
                raise invalid(f"{path}: document blocks are not allowed in assistant messages")
            if message["role"] == "user" and block["type"] == "text" and block.get("citations"):
                raise invalid(f"{path}.citations: not allowed on user text")


def _thinking(kind: str | None, model: Model) -> None:
    if kind == "enabled" and model.generation >= _NO_BUDGET:
        raise invalid("thinking.type: 'enabled' is not supported by this model; use 'adaptive'")
    if kind == "adaptive" and model.generation < _ADAPTIVE and not model.always_thinks:
        raise invalid("thinking.type: 'adaptive' is not supported by this model")
    if kind == "disabled" and model.always_thinks:
        raise invalid("thinking.type: 'disabled' is not supported by this model")


def _route(request: Json, route: str) -> None:
    if route in ("bedrock", "bedrock-converse") and request.get("cache_control") is not None:
        raise invalid("cache_control: automatic caching is not supported here; mark a block")
    if route == "bedrock-mantle" and (request.get("output_config") or {}).get("format"):
        raise invalid("output_config.format: structured outputs are not supported here")
