"""Splits a conversation into turns, and a turn into rounds of tool calls.

Messages are those of the Messages API, of Converse, or of OpenAI (Chat Completions, or the items
of Responses). A *turn* begins with a user message that answers no tool call. A *round* is one reply
of the assistant with all results of its tool calls; reasoning belongs to what follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Message = Mapping[str, Any]

THINKING = ("thinking", "redacted_thinking", "reasoningContent")
_INSTRUCTIONS = ("system", "developer")
_CALL_ITEMS = ("function_call", "custom_tool_call", "computer_call", "local_shell_call")


@dataclass(frozen=True)
class Span:
    """Messages that are kept or dropped together.

    Attributes
    ----------
    first, last : int
        Indices of the first and last message.
    tools : tuple of str
        The names of the tools called in them.
    """

    first: int
    last: int
    tools: tuple[str, ...] = ()


def turns(messages: Sequence[Message]) -> list[Span]:
    """The turns of a conversation; messages before the first user message also form one."""
    starts = [i for i, message in enumerate(messages) if begins_turn(message)]
    bounds = sorted({0, *starts, len(messages)}) if messages else []
    return [Span(first, end - 1, _names(messages[first:end])) for first, end in pairwise(bounds)]


def rounds(messages: Sequence[Message], turn: Span) -> list[Span]:
    """The rounds of a turn, without the user message at its start."""
    first = turn.first + begins_turn(messages[turn.first])
    starts: list[int] = []
    open_calls: set[str] = set()
    for i in range(first, turn.last + 1):
        called = {identity for identity, _ in _calls(messages[i])}
        answered = set(_answers(messages[i]))
        goes_on = open_calls or answered - called or (i > first and _is_reasoning(messages[i - 1]))
        if not goes_on:
            starts.append(i)
        open_calls = (open_calls | called) - answered
    bounds = [*starts, turn.last + 1] if starts else []
    return [Span(one, end - 1, _names(messages[one:end])) for one, end in pairwise(bounds)]


def instructions(messages: Sequence[Message]) -> int:
    """The number of leading instruction messages, as in OpenAI's requests."""
    for i, message in enumerate(messages):
        if message.get("role") not in _INSTRUCTIONS:
            return i
    return len(messages)


def begins_turn(message: Message) -> bool:
    """Whether it is a user's message rather than tool results."""
    return message.get("role") == "user" and not any(_answers(message))


def blocks_of(message: Message) -> list[Any]:
    """The blocks of a message; plain text has none."""
    content = message.get("content")
    return content if isinstance(content, list) else []


def is_thinking(block: object) -> bool:
    """Whether a block holds thinking."""
    if not isinstance(block, Mapping):
        return False
    return block.get("type") in THINKING or THINKING[-1] in block


def _is_reasoning(message: Message) -> bool:
    return message.get("type") == "reasoning"


def _calls(message: Message) -> Iterator[tuple[str, object]]:
    """The id and the name of each tool call, including those of server tools."""
    if message.get("type") in _CALL_ITEMS:
        yield str(message.get("call_id")), message.get("name")
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping):
            inner = call.get("function") or call.get("custom")
            name = inner.get("name") if isinstance(inner, Mapping) else None
            yield str(call.get("id")), name
    for block in blocks_of(message):
        if isinstance(block, Mapping):
            use = block.get("toolUse")
            if str(block.get("type")).endswith("tool_use"):
                yield str(block.get("id")), block.get("name")
            elif isinstance(use, Mapping):
                yield str(use.get("toolUseId")), use.get("name")


def _answers(message: Message) -> Iterator[str]:
    """The ids of the tool calls that a message answers."""
    if message.get("role") == "tool":
        yield str(message.get("tool_call_id"))
    if str(message.get("type")).endswith("_call_output"):
        yield str(message.get("call_id"))
    for block in blocks_of(message):
        if isinstance(block, Mapping):
            if str(block.get("type")).endswith("tool_result"):
                yield str(block.get("tool_use_id"))
            elif isinstance(block.get("toolResult"), Mapping):
                yield str(block["toolResult"].get("toolUseId"))


def _names(messages: Sequence[Message]) -> tuple[str, ...]:
    """The distinct names of called tools, in order."""
    names = (name for message in messages for _, name in _calls(message))
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
