"""Checks request bodies: what the provider answers with 400."""

from __future__ import annotations

from typing import Any

from prefixwarm.simulator import checks, content, tool_rules
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

NEWEST_VERSION = "2026-10-21"
_FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "service_tier",
        "inference_geo",
        "speed",
        "diagnostics",
        "container",
        "context_management",
        "mcp_servers",
        "compaction",
        "billing_policy",
        "thread",
        "fallbacks",
        "fallback_credit_token",
        "user_profile_id",
        "workspace_id",
        "output_format",
        "anthropic_version",
        "anthropic_beta",
    ]
)
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_MINIMUM_BUDGET = 1024


def body(value: Any, *, counting: bool = False) -> Json:
    """Check the shape of a request body and return it.

    Parameters
    ----------
    value : object
        The parsed JSON.
    counting : bool
        Whether it is for ``count_tokens``, which needs no ``max_tokens``.

    Raises
    ------
    ApiError
        400.
    """
    request = checks.obj(value, "body")
    for key in ("model", "messages") if counting else ("model", "messages", "max_tokens"):
        checks.required(request, key, "")
    checks.fields(request, _FIELDS, "")
    if "max_tokens" in request:
        checks.integer(request["max_tokens"], "max_tokens", 0)
    checks.text(request["model"], "model")
    if request.get("system") is not None:
        content.system(request["system"])
    if request.get("tools") is not None:
        tool_rules.tools(request["tools"])
    content.messages(request["messages"])
    tool_rules.tool_choice(request)
    _options(request)
    return request


def _options(request: Json) -> None:
    checks.marker(request, "")
    if request.get("stream") is not None:
        checks.boolean(request["stream"], "stream")
    _choice(request, "speed", ("standard", "fast"))
    _choice(request, "service_tier", ("auto", "standard_only"))
    _choice(request, "inference_geo", ("global", "us"))
    _output_config(request)
    _thinking(request)
    for stop in request.get("stop_sequences") or ():
        checks.text(stop, "stop_sequences")
    if request.get("diagnostics") is not None:
        _diagnostics(checks.obj(request["diagnostics"], "diagnostics"))
    for name in ("temperature", "top_p"):
        _fraction(request.get(name), name)


def _choice(request: Json, name: str, accepted: tuple[str, ...]) -> None:
    if request.get(name) is not None:
        checks.choice(request[name], accepted, name)


def _fraction(value: Any, name: str) -> None:
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise invalid(f"{name}: Input should be a number from 0 to 1")


def _output_config(request: Json) -> None:
    if request.get("output_config") is None:
        return
    config = checks.obj(request["output_config"], "output_config")
    if config.get("effort") is not None:
        checks.choice(config["effort"], _EFFORTS, "output_config.effort")
    if config.get("format") is not None:
        form = checks.obj(config["format"], "output_config.format")
        kind = checks.required(form, "type", "output_config.format.")
        checks.choice(kind, ("json_schema",), "output_config.format.type")
        schema = checks.required(form, "schema", "output_config.format.")
        checks.obj(schema, "output_config.format.schema")


def _thinking(request: Json) -> None:
    if request.get("thinking") is None:
        return
    thinking = checks.obj(request["thinking"], "thinking")
    kind = checks.required(thinking, "type", "thinking.")
    checks.choice(kind, ("enabled", "disabled", "adaptive"), "thinking.type")
    if kind != "enabled":
        return
    budget = checks.required(thinking, "budget_tokens", "thinking.enabled.")
    checks.integer(budget, "thinking.enabled.budget_tokens", _MINIMUM_BUDGET)
    if "max_tokens" in request and budget >= request["max_tokens"]:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")


def _diagnostics(value: Json) -> None:
    checks.fields(value, ("previous_message_id",), "diagnostics.")
    if value.get("previous_message_id") is not None:
        checks.text(value["previous_message_id"], "diagnostics.previous_message_id")


def max_tokens(request: Json, *, refuse_zero: bool) -> None:
    """Check what goes together with ``max_tokens: 0``.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache
    """
    if request.get("max_tokens") != 0:
        return
    if refuse_zero:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    refused = {
        "stream": request.get("stream"),
        "thinking.type 'enabled'": (request.get("thinking") or {}).get("type") == "enabled",
        "output_config.format": (request.get("output_config") or {}).get("format"),
        "tool_choice": (request.get("tool_choice") or {}).get("type") in ("any", "tool"),
    }
    for what, present in refused.items():
        if present:
            raise invalid(f"max_tokens: 0 is not supported together with {what}")
