"""Checks the values of content blocks and messages; `body_shapes` checks their fields."""

from __future__ import annotations

from typing import Any

from prefixwarm.simulator import checks
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

_STRINGS = ("title", "context", "thinking", "signature", "data", "id", "name", "tool_use_id")
_NULLABLE = ("title", "context", "signature")
_ASSISTANT_ONLY = ("thinking", "redacted_thinking", "tool_use")
_USER_ONLY = ("image", "tool_result", "search_result", "container_upload")
_SYSTEM_ONLY = ("tool_addition", "tool_removal")
_MOST_MESSAGES = 100_000


def system(value: Any) -> None:
    """Check ``system``: a string or a list of text blocks.

    Raises
    ------
    ApiError
        400.
    """
    if isinstance(value, str):
        return
    for index, block in enumerate(checks.objects(value, "system")):
        _block(block, f"system.{index}.")


def messages(value: Any) -> None:
    """Check ``messages``.

    Raises
    ------
    ApiError
        400.
    """
    listed = checks.objects(value, "messages")
    if not listed:
        raise invalid("messages: at least one message is required")
    if len(listed) > _MOST_MESSAGES:
        raise invalid(f"messages: at most {_MOST_MESSAGES} messages are permitted")
    for index, message in enumerate(listed):
        _message(message, f"messages.{index}.", first=index == 0)


def _message(message: Json, path: str, *, first: bool) -> None:
    role, content = message["role"], message.get("content")
    if first and role != "user" and not _starts_with_compaction(message):
        raise invalid('messages: first message must use the "user" role')
    if isinstance(content, str):
        _nonempty(content, f"{path}content")
        return
    blocks = [] if content is None else checks.objects(content, f"{path}content")
    if not blocks and not (role == "system" and message.get("output_config")):
        raise invalid(f"{path}content: at least one content block is required")
    for index, block in enumerate(blocks):
        where = f"{path}content.{index}."
        _allowed(block["type"], role, where)
        _block(block, where)


def _starts_with_compaction(message: Json) -> bool:
    """Return whether a message replaces others that it summarises."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return message["role"] == "assistant" and bool(blocks) and blocks[0]["type"] == "compaction"


def _allowed(kind: str, role: str, path: str) -> None:
    wrong = {
        "user": (*_ASSISTANT_ONLY, *_SYSTEM_ONLY),
        "assistant": (*_USER_ONLY, *_SYSTEM_ONLY),
    }
    if kind in wrong.get(role, ()):
        raise invalid(f"{path}type: `{kind}` blocks are not allowed in `{role}` messages")


def _block(block: Json, path: str) -> None:
    checks.marker(block, path)
    for key in _STRINGS:
        if key in block and not (key in _NULLABLE and block[key] is None):
            checks.text(block[key], path + key)
    if special := _SPECIAL.get(block["type"]):
        special(block, path)


def _text(block: Json, path: str) -> None:
    _nonempty(checks.text(block["text"], f"{path}text"), f"{path}text")
    if block.get("citations") is not None:
        checks.objects(block["citations"], f"{path}citations")


def _nonempty(value: str, path: str) -> None:
    if not value:
        raise invalid(f"{path}: text content blocks must be non-empty")
    if value.isspace():
        raise invalid(f"{path}: text content blocks must contain non-whitespace text")


def _media(block: Json, path: str) -> None:
    source = checks.obj(block["source"], f"{path}source")
    for name in ("data", "url", "file_id"):
        if name in source:
            checks.text(source[name], f"{path}source.{name}")
    inside = source.get("content")
    if source["type"] == "content" and not isinstance(inside, str):
        _inside(inside, f"{path}source.content")
    _citations(block, path)


def _search_result(block: Json, path: str) -> None:
    checks.text(block["source"], f"{path}source")
    _inside(block["content"], f"{path}content")
    _citations(block, path)


def _citations(block: Json, path: str) -> None:
    if (citations := block.get("citations")) is not None:
        checks.obj(citations, f"{path}citations")
        checks.boolean(citations.get("enabled", False), f"{path}citations.enabled")


def _tool_use(block: Json, path: str) -> None:
    checks.obj(block["input"], f"{path}input")


def _tool_result(block: Json, path: str) -> None:
    if block.get("is_error") is not None:
        checks.boolean(block["is_error"], f"{path}is_error")
    content = block.get("content")
    if content is not None and not isinstance(content, str):
        _inside(content, f"{path}content")


def _inside(content: Any, path: str) -> None:
    for index, block in enumerate(checks.objects(content, path)):
        _block(block, f"{path}.{index}.")


_SPECIAL = {
    "text": _text,
    "image": _media,
    "document": _media,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
