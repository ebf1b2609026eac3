"""Checks request bodies for errors that the provider answers with 400."""

from __future__ import annotations

from typing import Any

from prefixwarm.fields.block_rules import message_blocks
from prefixwarm.fields.zero_output import zero_obstacles
from prefixwarm.simulator import body_shapes, checks, schema_rules, tool_rules
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

_MINIMUM_BUDGET = 1024
_LEAST_TASK_BUDGET = 20_000
_MOST_MESSAGES = 100_000
_SYSTEM_ONLY = ("tool_addition", "tool_removal")
# Blocks that messages of a role may not hold.
_WRONG = {
    "user": ("thinking", "redacted_thinking", "tool_use", *_SYSTEM_ONLY),
    "assistant": ("image", "tool_result", "search_result", "container_upload", *_SYSTEM_ONLY),
}


def body(value: Any, *, counting: bool = False, inner_markers: str = "outer") -> Json:
    """Check a request body on its own, and return it.

    Parameters
    ----------
    value : object
        The parsed JSON.
    counting : bool
        Whether it is for ``count_tokens``, which needs no ``max_tokens``.
    inner_markers : str
        See `prefixwarm.simulator.Switches`.

    Raises
    ------
    ApiError
        400.
    """
    request = checks.obj(value, "body")
    for key in ("model", "messages") if counting else ("model", "messages", "max_tokens"):
        checks.required(request, key, "")
    body_shapes.check(request, inner_markers=inner_markers)
    _messages(request["messages"])
    _options(request)
    tool_rules.check(request)
    tool_rules.check_choice(request)
    return request


def _messages(value: Any) -> None:
    messages = checks.objects(value, "messages")
    if not messages:
        raise invalid("messages: at least one message is required")
    if len(messages) > _MOST_MESSAGES:
        raise invalid(f"messages: at most {_MOST_MESSAGES} messages are permitted")
    if messages[0]["role"] != "user" and not _starts_with_compaction(messages[0]):
        raise invalid('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        _message(message, f"messages.{index}.")


def _message(message: Json, path: str) -> None:
    role, content = message["role"], message.get("content")
    if isinstance(content, str):
        checks.content_text(content, f"{path}content")
        return
    blocks = [] if content is None else checks.objects(content, f"{path}content")
    if not blocks and not (role == "system" and message.get("output_config")):
        raise invalid(f"{path}content: at least one content block is required")
    for index, block in enumerate(blocks):
        kind = block["type"]
        if kind in _WRONG.get(role, ()):
            raise invalid(
                f"{path}content.{index}.type: `{kind}` blocks are not allowed in `{role}` messages"
            )


def _starts_with_compaction(message: Json) -> bool:
    """Return whether a message replaces others that it summarises."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return message["role"] == "assistant" and bool(blocks) and blocks[0]["type"] == "compaction"


def _options(request: Json) -> None:
    checks.marker(request, "")
    if request.get("inference_geo") is not None:
        checks.choice(request["inference_geo"], ("global", "us"), "inference_geo")
    _output_config(request)
    _thinking(request)


def _output_config(request: Json) -> None:
    config = request.get("output_config") or {}
    if budget := config.get("task_budget"):
        checks.integer(budget["total"], "output_config.task_budget.total", _LEAST_TASK_BUDGET)
    forms = {
        "output_format": request.get("output_format"),
        "output_config.format": config.get("format"),
    }
    for path, form in forms.items():
        if form is not None:
            schema_rules.check_output(form["schema"], f"{path}.schema")
            _no_citations(request, path)


def _no_citations(request: Json, path: str) -> None:
    for number, index, block in message_blocks(request["messages"]):
        citations = block.get("citations")
        if isinstance(citations, dict) and citations.get("enabled"):
            raise invalid(
                f"{path}: structured outputs cannot be combined with citations "
                f"(messages.{number}.content.{index})"
            )


def _thinking(request: Json) -> None:
    thinking = request.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return
    budget = thinking["budget_tokens"]
    checks.integer(budget, "thinking.enabled.budget_tokens", _MINIMUM_BUDGET)
    if "max_tokens" in request and budget >= request["max_tokens"]:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")


def max_tokens(request: Json, *, refuse_zero: bool) -> None:
    """Check that the request allows ``max_tokens: 0``.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache
    """
    if request.get("max_tokens") != 0:
        return
    if refuse_zero:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    for obstacle in zero_obstacles(request):
        raise invalid(
            f"max_tokens: 0 is not supported together with {obstacle.place} '{obstacle.value}'"
        )
