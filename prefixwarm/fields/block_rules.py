"""Blocks: which are part of the prompt, and which can carry a breakpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.breakpoint_field import MARKER
from prefixwarm.fields.field_table import table
from prefixwarm.fields.toolsets import is_deferred_toolset
from prefixwarm.fields.visits import CONVERSE, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prefixwarm.fields.field_table import Field

# The kinds of block that each tier takes.
_CHOICES = {
    REQUEST: {"tools": "tool", "system": "system_block", "messages": "content"},
    CONVERSE: {"tools": "Tool", "system": "SystemContentBlock", "messages": "ContentBlock"},
}


def choice_of(tier: str, shape: str = REQUEST, role: str = "") -> str:
    """Return the choice of block types that a tier takes, such as ``tool`` or ``content``.

    Parameters
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``.
    shape : str
        ``request`` or ``converse``.
    role : str
        The message's role.
    """
    if shape == REQUEST and tier == "messages" and role == "system":
        return "system_content"
    return _CHOICES[shape][tier]


def kind_of(block: Mapping[str, Any], choice: str) -> str:
    """The type of a block, such as ``text`` or ``tool_use``; for a Converse block, its key."""
    shape = table().shapes[choice]
    if shape.by == "key":
        return next((name for name in block if name != MARKER), "")
    return shape.member_of(block)


def block_row(block: Mapping[str, Any], choice: str) -> Field | None:
    """The row of a block's type; None if the table has no such row."""
    return table().shapes[choice].rows.get(kind_of(block, choice))


def is_rendered(block: Mapping[str, Any], choice: str) -> bool:
    """Whether a block is part of the prompt; deferred tools, for example, are not."""
    row = block_row(block, choice)
    if row is None:
        return True
    if row.strips == "any" or is_deferred_toolset(block, row):
        return False
    return not any(
        inner.strips != "any" and value in inner.strips for inner, value in _fields(block, row)
    )


def can_be_marked(block: Mapping[str, Any], choice: str, called_by_code: Iterable[str] = ()) -> str:
    """Whether the provider accepts a breakpoint on a block: ``yes``, ``no`` or ``unsettled``.

    Parameters
    ----------
    block : mapping
        A block.
    choice : str
        The choice it belongs to, such as ``tool``, ``content`` or ``ContentBlock``.
    called_by_code : iterable of str
        Ids of tool uses made by code; see `calls_by_code`.
    """
    row = block_row(block, choice)
    if row is None:
        return "unsettled"
    if row.breakpoint is None or not is_rendered(block, choice):
        return "no"
    if block.get("tool_use_id") in set(called_by_code):
        return "no"
    refused = any(_is_one_of(value, inner.unmarked) for inner, value in _fields(block, row))
    return "no" if refused else row.breakpoint


def calls_by_code(messages: object) -> set[str]:
    """Ids of tool uses made by code execution; their results cannot carry a breakpoint."""
    ids = set()
    for _, _, block in message_blocks(messages):
        row = block_row(block, "content")
        if row is not None and row.holds == "tool_use":
            caller = table().row("tool_use", "caller")
            if _is_one_of(block.get("caller"), caller.unmarked):
                ids.add(str(block.get("id")))
    return ids


def cleared_messages(messages: Sequence[Mapping[str, Any]]) -> set[int]:
    """Indexes of the messages that are no longer part of the prompt, as a user has spoken since."""
    last_user = max((i for i, m in enumerate(messages) if m.get("role") == "user"), default=0)
    return {i for i, message in enumerate(messages[:last_user]) if _clears(message)}


def _clears(message: Mapping[str, Any]) -> bool:
    member = table().shapes["message"].rows.get(str(message.get("role")))
    rows = table().shapes[member.holds].rows if member and member.holds else {}
    return any(message.get(name) in row.clears for name, row in rows.items())


def _fields(block: Mapping[str, Any], row: Field) -> Iterator[tuple[Field, Any]]:
    """The fields of a block with their rows; for a Converse text block, the block's own row."""
    shape = table().shapes.get(row.holds or "")
    if table().shapes[row.shape].by == "key":
        value = block[row.name]
        yield row, value
        block = value if isinstance(value, dict) else {}
    for name, inner in shape.rows.items() if shape else ():
        if name in block:
            yield inner, block[name]


def message_blocks(messages: object) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield the blocks of messages, each with the indexes of its message and of its own."""
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                yield number, index, block


def _is_one_of(value: Any, refused: tuple[Any, ...]) -> bool:
    """Whether a value is one of these; an object matches if it contains all of one's fields."""
    if isinstance(value, dict):
        objects = (pattern for pattern in refused if isinstance(pattern, dict))
        return any(pattern.items() <= value.items() for pattern in objects)
    return value in refused
