"""Validation of content blocks and messages."""

from __future__ import annotations

from typing import Any

from prefixwarm.simulator import checks
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

# https://platform.claude.com/docs/en/api/messages: the fields of each block, and who may send it.
_FIELDS = {
    "text": {"text", "citations"},
    "image": {"source", "transformations"},
    "document": {"source", "title", "context", "citations"},
    "search_result": {"source", "title", "content", "citations"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
    "tool_use": {"id", "name", "input", "caller", "toolset_name"},
    "tool_result": {"tool_use_id", "content", "is_error", "toolset_name"},
    "container_upload": {"file_id"},
}
_REQUIRED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "search_result": ("source", "title", "content"),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "container_upload": ("file_id",),
}
_STRINGS = ("title", "context", "thinking", "signature", "data", "id", "name", "tool_use_id")
_NULLABLE = ("title", "context")
_ASSISTANT_ONLY = ("thinking", "redacted_thinking", "tool_use")
_USER_ONLY = ("image", "tool_result", "search_result", "container_upload")
_SERVER_BLOCKS = ("_tool_result", "server_tool_use", "mcp_tool_use", "browser_state", "compaction")
_INSIDE_RESULTS = ("text", "image", "document", "search_result", "tool_reference", "browser_state")
_SOURCES = ("base64", "url", "file", "text", "content")


def system(value: Any) -> None:
    """Check ``system``: a string or a list of text blocks."""
    if isinstance(value, str):
        return
    for index, block in enumerate(checks.objects(value, "system")):
        path = f"system.{index}."
        checks.choice(checks.required(block, "type", path), ("text",), f"{path}type")
        _block(block, path)


def messages(value: Any) -> list[Json]:
    """Check ``messages`` and return it."""
    turns = checks.objects(value, "messages")
    if not turns:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(turns):
        _message(message, f"messages.{index}.", first=index == 0)
    _paired(turns)
    return turns


def _message(message: Json, path: str, *, first: bool) -> None:
    checks.fields(message, ("role", "content"), path)
    accepted = ("user", "assistant", "system")
    role = checks.choice(checks.required(message, "role", path), accepted, f"{path}role")
    if first and role != "user":
        raise invalid('messages: first message must use the "user" role')
    content = checks.required(message, "content", path)
    if isinstance(content, str):
        _nonempty(content, f"{path}content")
        return
    blocks = checks.objects(content, f"{path}content")
    if not blocks:
        raise invalid(f"{path}content: at least one content block is required")
    for index, block in enumerate(blocks):
        where = f"{path}content.{index}."
        _allowed(checks.required(block, "type", where), role, where)
        _block(block, where)


def _allowed(kind: Any, role: str, path: str) -> None:
    server = isinstance(kind, str) and kind not in _FIELDS and kind.endswith(_SERVER_BLOCKS)
    if not server:
        checks.choice(kind, tuple(_FIELDS), f"{path}type")
    wrong = {"user": _ASSISTANT_ONLY, "assistant": _USER_ONLY}
    if kind in wrong.get(role, ()) or (role == "system" and kind != "text"):
        raise invalid(f"{path}type: `{kind}` blocks are not allowed in `{role}` messages")


def _block(block: Json, path: str, *, inner: bool = False) -> None:
    kind = block["type"]
    _check_marker(block, kind, path, inner=inner)
    if kind not in _FIELDS:
        return
    checks.fields(block, {"type", "cache_control", *_FIELDS[kind]}, path)
    for key in _REQUIRED[kind]:
        checks.required(block, key, path)
    for key in _STRINGS:
        if key in block and not (key in _NULLABLE and block[key] is None):
            checks.text(block[key], path + key)
    if special := _SPECIAL.get(kind):
        special(block, path)


def _check_marker(block: Json, kind: str, path: str, *, inner: bool) -> None:
    if block.get("cache_control") is None:
        return
    if inner:
        raise invalid(f"{path}cache_control: cannot be set inside a block; mark the outer block")
    if kind in ("thinking", "redacted_thinking"):
        raise invalid(f"{path}cache_control: cannot be set for `{kind}` blocks")
    if kind == "text" and block.get("text") == "":
        raise invalid(f"{path}cache_control: cannot be set for empty text blocks")
    checks.marker(block, path)


def _text(block: Json, path: str) -> None:
    _nonempty(checks.text(block["text"], f"{path}text"), f"{path}text")
    if block.get("citations") is not None:
        for index, citation in enumerate(checks.objects(block["citations"], f"{path}citations")):
            _unmarked(citation, f"{path}citations.{index}.")


def _nonempty(value: str, path: str) -> None:
    if not value:
        raise invalid(f"{path}: text content blocks must be non-empty")
    if value.isspace():
        raise invalid(f"{path}: text content blocks must contain non-whitespace text")


def _media(block: Json, path: str) -> None:
    source = checks.obj(block["source"], f"{path}source")
    where = f"{path}source."
    kind = checks.choice(checks.required(source, "type", where), _SOURCES, f"{where}type")
    if kind in ("base64", "text"):
        checks.text(checks.required(source, "data", where), f"{where}data")
    elif kind == "content" and not isinstance(source.get("content"), str):
        inside = checks.required(source, "content", where)
        _inside(inside, f"{where}content", ("text", "image"))
    _citations(block, path)


def _search_result(block: Json, path: str) -> None:
    _inside(block["content"], f"{path}content", ("text",))
    _citations(block, path)


def _citations(block: Json, path: str) -> None:
    if (citations := block.get("citations")) is not None:
        checks.obj(citations, f"{path}citations")
        checks.fields(citations, ("enabled",), f"{path}citations.")
        checks.boolean(citations.get("enabled", False), f"{path}citations.enabled")


def _tool_use(block: Json, path: str) -> None:
    checks.obj(block["input"], f"{path}input")


def _tool_result(block: Json, path: str) -> None:
    if "is_error" in block:
        checks.boolean(block["is_error"], f"{path}is_error")
    content = block.get("content")
    if content is not None and not isinstance(content, str):
        _inside(content, f"{path}content", _INSIDE_RESULTS)


def _inside(content: Any, path: str, accepted: tuple[str, ...]) -> None:
    for index, block in enumerate(checks.objects(content, path)):
        where = f"{path}.{index}."
        checks.choice(checks.required(block, "type", where), accepted, f"{where}type")
        _block(block, where, inner=True)


def _unmarked(value: Json, path: str) -> None:
    if value.get("cache_control") is not None:
        raise invalid(f"{path}cache_control: cannot be set inside a block; mark the outer block")


_SPECIAL = {
    "text": _text,
    "image": _media,
    "document": _media,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def _paired(turns: list[Json]) -> None:
    """Check that tool uses and tool results of neighbouring messages belong together."""
    expected: list[str] = []
    for index, message in enumerate(turns):
        if message["role"] == "system":
            continue
        results = _ids(message, "tool_result", "tool_use_id")
        if missing := [x for x in expected if x not in results]:
            raise invalid(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}"
            )
        if extra := [x for x in results if x not in expected]:
            raise invalid(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{', '.join(extra)}. Each must have a `tool_use` block in the previous message."
            )
        expected = _ids(message, "tool_use", "id")


def _ids(message: Json, kind: str, key: str) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return []
    return [block[key] for block in content if block["type"] == kind]
