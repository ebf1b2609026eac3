"""Checks request fields against the model, the version and the route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.block_rules import message_blocks
from prefixwarm.fields.models import NEWEST_VERSION, SAMPLING
from prefixwarm.simulator.api_errors import invalid, refused_by_aws

if TYPE_CHECKING:
    from prefixwarm.simulator.model_catalog import Model


Json = dict[str, Any]

_GEOGRAPHY = (4, 6)
_DEEP_EFFORTS = ("xhigh", "max")
_NO_SHALLOW_THINKING = (5, 0)
# https://platform.claude.com/docs/en/build-with-claude/thinking: what thinking allows.
_LEAST_TOP_P = 0.95
_LONG_BATCHES = "output-300k-2026-03-24"
_MOST_TOKENS_OF_BATCHES = 300_000
_LONG = 128_000


def check(
    request: Json, model: Model, *, route: str, version: str, betas: tuple[str, ...], batch: bool
) -> None:
    """Refuse fields that this model, version or route does not accept.

    Parameters
    ----------
    request : dict
        The body, whose shape is valid.
    model : Model
        The model it names.
    route, version : str
        The route and API version used.
    betas : tuple of str
        ``anthropic-beta``.
    batch : bool
        Whether it is a request of a batch.

    Notes
    -----
    https://platform.claude.com/docs/en/api/versioning, .../api/errors and
    .../build-with-claude/thinking-troubleshooting.

    Raises
    ------
    ApiError
        400.
    """
    if version == NEWEST_VERSION:
        _version(request)
    _output(request, model, route, long=batch and _LONG_BATCHES in betas)
    _thinking(request, model)
    _effort(request, model)
    _sampling(request, model)
    forced = (request.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and model.refuses_forced_tools:
        raise invalid("tool_choice: forced tool use is not supported by this model")
    if not model.takes_system_messages and any(m["role"] == "system" for m in request["messages"]):
        raise invalid("messages: role 'system' is not supported on this model")
    _geography_and_speed(request, model, route)
    _route(request, route)


def _geography_and_speed(request: Json, model: Model, route: str) -> None:
    if request.get("inference_geo") == "us" and model.generation < _GEOGRAPHY:
        raise invalid(f"inference_geo: '{model.id}' does not support 'us'")
    if request.get("speed") == "fast" and (route != "anthropic" or not model.fast):
        raise invalid(f"speed: '{model.id}' does not support fast mode here")


def _version(request: Json) -> None:
    for name in SAMPLING:
        if request.get(name) is not None:
            raise invalid(f"{name}: not supported with anthropic-version {NEWEST_VERSION}")
    for number, index, block in message_blocks(request["messages"]):
        role, path = request["messages"][number]["role"], f"messages.{number}.content.{index}"
        if role == "assistant" and block["type"] == "document":
            raise invalid(f"{path}: document blocks are not allowed in assistant messages")
        if role == "user" and block["type"] == "text" and block.get("citations"):
            raise invalid(f"{path}.citations: not allowed on user text")


def _output(request: Json, model: Model, route: str, *, long: bool) -> None:
    tokens, most = request.get("max_tokens", 0), model.most_tokens
    if long and most >= _LONG:
        most = _MOST_TOKENS_OF_BATCHES
    if tokens > most and route == "bedrock-converse":
        raise refused_by_aws(
            f"The maximum tokens you requested exceeds the model limit of {most}. Try again with "
            f"a maximum tokens value that is lower than {most}."
        )
    if tokens > most:
        raise invalid(
            f"max_tokens: {tokens} > {most}, which is the maximum allowed number of output tokens "
            f"for {model.id}"
        )


def _thinking(request: Json, model: Model) -> None:
    kind = (request.get("thinking") or {}).get("type")
    if kind == "enabled" and not model.takes_budgets:
        raise invalid(
            '"thinking.type.enabled" is not supported for this model. Use '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    if kind in ("adaptive", "between_tools") and not model.takes_adaptive:
        raise invalid("adaptive thinking is not supported on this model")
    if kind == "disabled" and model.always_thinks:
        raise invalid('"thinking.type.disabled" is not supported for this model.')
    effort = (request.get("output_config") or {}).get("effort")
    newer = model.generation >= _NO_SHALLOW_THINKING
    if kind in ("disabled", "between_tools") and newer and effort in _DEEP_EFFORTS:
        raise invalid(f"thinking.type: '{kind}' is not supported with effort '{effort}'")


def _effort(request: Json, model: Model) -> None:
    config = request.get("output_config") or {}
    effort = config.get("effort")
    if effort is not None and not model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort is not None and effort not in model.efforts:
        options = ", ".join(model.efforts)
        raise invalid(
            f"output_config.effort: '{effort}' is not supported by this model; use {options}"
        )
    if config.get("task_budget") is not None and not model.takes_task_budgets:
        raise invalid("output_config.task_budget: not supported by this model")
    format_ = config.get("format") or request.get("output_format")
    if format_ is not None and not model.takes_formats:
        raise invalid(f"output_config.format: '{model.id}' does not support structured outputs")


def _sampling(request: Json, model: Model) -> None:
    temperature, top_p, top_k = (request.get(name) for name in SAMPLING)
    if not model.takes_sampling:
        defaults = {"temperature": temperature in (None, 1), "top_p": top_p in (None, 1)}
        for name, default in {**defaults, "top_k": top_k is None}.items():
            if not default:
                raise invalid(f"`{name}` is deprecated for this model.")
    if model.takes_one_sampling and temperature is not None and top_p is not None:
        raise invalid(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )
    if (request.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        if temperature not in (None, 1):
            raise invalid("`temperature` may only be set to 1 when thinking is enabled.")
        if top_k is not None:
            raise invalid("`top_k` must be unset when thinking is enabled.")
        if top_p is not None and top_p < _LEAST_TOP_P:
            raise invalid(f"`top_p` must be at least {_LEAST_TOP_P} when thinking is enabled.")


def _route(request: Json, route: str) -> None:
    if route in ("bedrock", "bedrock-converse") and request.get("cache_control") is not None:
        raise invalid("cache_control: automatic caching is not supported here; mark a block")
    if route == "bedrock-mantle" and (request.get("output_config") or {}).get("format"):
        raise invalid("output_config.format: structured outputs are not supported here")
