"""Checks the order of a conversation's messages."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.block_rules import calls_by_code, cleared_messages, message_blocks
from prefixwarm.simulator.api_errors import invalid

if TYPE_CHECKING:
    from prefixwarm.simulator.model_catalog import Model

Json = dict[str, Any]

_SERVER_USES = ("server_tool_use", "mcp_tool_use")
_SERVER_RESULT = "_tool_result"
# Allowed at the end of a final assistant message: a paused turn.
_PAUSED = (*_SERVER_USES, "mcp_tool_result", "compaction", "fallback")


class _Turn(NamedTuple):
    """Consecutive messages of one role, which the provider combines.

    Attributes
    ----------
    role : str
        Their role.
    at : int
        The index of the first.
    blocks : list of dict
        All their blocks; a string is a text block.
    """

    role: str
    at: int
    blocks: list[Json]


def check(request: Json, model: Model) -> None:
    """Refuse messages that are not in an order the provider accepts.

    Parameters
    ----------
    request : dict
        The body; each message has a known role and content.
    model : Model
        The model that it names.

    Notes
    -----
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls,
    .../agents-and-tools/tool-use/programmatic-tool-calling,
    .../build-with-claude/mid-conversation-system-messages and .../api/errors.

    Raises
    ------
    ApiError
        400.
    """
    turns = _turns(request["messages"])
    _system_messages(turns)
    by_code = calls_by_code(request["messages"])
    _tool_results([turn for turn in turns if turn.role != "system"], by_code)
    _between_use_and_result(turns)
    _cleared(request["messages"])
    _last(turns[-1], request, model)


def _cleared(messages: list[Json]) -> None:
    """Refuse breakpoints in system messages that are no longer shown to the model."""
    cleared = cleared_messages(messages)
    for number, _, block in message_blocks(messages):
        if block.get("cache_control") and number in cleared:
            raise invalid(
                f"messages.{number}: cache_control cannot be set for a cleared system message"
            )


def _turns(messages: list[Json]) -> list[_Turn]:
    turns: list[_Turn] = []
    for index, message in enumerate(messages):
        if not turns or turns[-1].role != message["role"]:
            turns.append(_Turn(message["role"], index, []))
        content = message.get("content") or []
        text = isinstance(content, str)
        turns[-1].blocks.extend([{"type": "text", "text": content}] if text else content)
    return turns


def _system_messages(turns: list[_Turn]) -> None:
    for number, turn in enumerate(turns):
        if turn.role != "system":
            continue
        before, after = turns[number - 1], turns[number + 1 : number + 2]
        server_result = before.role == "assistant" and _ends_in_server_result(before)
        if before.role != "user" and not server_result:
            raise invalid(
                f"messages.{turn.at}: a system message must follow a user message, or an "
                "assistant message that ends with the result of a server tool"
            )
        if after and after[0].role != "assistant":
            raise invalid(
                f"messages.{turn.at}: a system message must be the last message, or be followed "
                "by an assistant message"
            )


def _ends_in_server_result(turn: _Turn) -> bool:
    kind = str(turn.blocks[-1]["type"]) if turn.blocks else ""
    return kind.endswith(_SERVER_RESULT) and kind != "tool_result"


def _tool_results(turns: list[_Turn], by_code: set[str]) -> None:
    """Check that tool results answer the preceding tool uses, and come first."""
    uses: dict[str, Json] = {}
    for turn in turns:
        leading = _leading_results(turn)
        results = {block["tool_use_id"]: block for block in leading} if turn.role == "user" else {}
        if missing := [name for name in uses if name not in results]:
            raise invalid(
                f"messages.{turn.at}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        _unexpected(turn, uses)
        _programmatic(turn, by_code)
        uses = {block["id"]: block for block in turn.blocks if block["type"] == "tool_use"}


def _leading_results(turn: _Turn) -> list[Json]:
    leading = []
    for block in turn.blocks:
        if block["type"] != "tool_result":
            break
        leading.append(block)
    return leading


def _unexpected(turn: _Turn, uses: dict[str, Json]) -> None:
    ids = [block["tool_use_id"] for block in turn.blocks if block["type"] == "tool_result"]
    if extra := [name for name in ids if name not in uses]:
        raise invalid(
            f"messages.{turn.at}: unexpected `tool_use_id` found in `tool_result` blocks: "
            f"{', '.join(extra)}. Each must have a `tool_use` block in the previous message."
        )
    if len(set(ids)) < len(ids):
        raise invalid(
            f"messages.{turn.at}: each tool_use must have a single result. Found multiple "
            "`tool_result` blocks with one id."
        )


def _programmatic(turn: _Turn, by_code: set[str]) -> None:
    """Check results of programmatic calls: only results, only text, no breakpoint."""
    for index, block in enumerate(turn.blocks):
        if block["type"] != "tool_result" or block["tool_use_id"] not in by_code:
            continue
        path = f"messages.{turn.at}.content.{index}"
        if block.get("cache_control") is not None:
            raise invalid(
                f"{path}.cache_control: cannot be set for the result of a programmatic tool call"
            )
        inner = block.get("content")
        if isinstance(inner, list) and any(item["type"] != "text" for item in inner):
            raise invalid(f"{path}.content: a programmatic tool call takes text alone")
        if any(other["type"] != "tool_result" for other in turn.blocks):
            raise invalid(
                f"messages.{turn.at}: results of programmatic tool calls must stand alone"
            )


def _between_use_and_result(turns: list[_Turn]) -> None:
    """Refuse a system message between the use of a tool and its result."""
    for before, turn in pairwise(turns):
        if turn.role == "system" and any(block["type"] == "tool_use" for block in before.blocks):
            raise invalid(f"messages.{turn.at}: a system message stands before a tool_result")


def _last(turn: _Turn, request: Json, model: Model) -> None:
    if turn.role != "assistant":
        return
    kind = str(turn.blocks[-1]["type"]) if turn.blocks else "text"
    paused = kind in _PAUSED or (kind.endswith(_SERVER_RESULT) and kind != "tool_result")
    if paused or request.get("fallback_credit_token") is not None:
        return
    if not model.takes_prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    if (request.get("thinking") or {}).get("type") == "enabled":
        raise invalid(
            "messages: the final message must not be of the assistant when thinking is enabled"
        )
    if (request.get("output_config") or {}).get("format") or request.get("output_format"):
        raise invalid("output_config.format: cannot be used with assistant message prefill")
    text = turn.blocks[-1].get("text", "") if kind == "text" and turn.blocks else ""
    if text != text.rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")
