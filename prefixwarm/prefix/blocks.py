"""Splits a request into the blocks that the provider caches, in order, tools first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.block_rules import (
    block_row,
    choice_of,
    cleared_messages,
    is_rendered,
    kind_of,
)
from prefixwarm.fields.field_table import table
from prefixwarm.fields.normal import normal, normal_field
from prefixwarm.fields.token_estimate import block_tokens, rate_of_model
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.body import is_converse, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


_CONVERSE_TOOLS = ("toolSpec", "systemTool")
_SYSTEM = "system_message"


@dataclass(frozen=True)
class Block:
    """One tool, system block or content block of a message.

    Attributes
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``.
    place : str
        Its path, such as ``system[1]`` or ``toolConfig.tools[0]``.
    value : object
        The block as sent; a plain string as its text block. A Converse cache point becomes
        ``cache_control`` in the block that it closes.
    choice : str
        The choice of block types, in the table of fields, that it belongs to.
    role : str
        The role of its message, plus the message's fields other than content; empty outside
        messages.
    message : int or None
        The index of its message.
    rendered : bool
        Whether it is part of the prompt; deferred tools, for example, are not.
    """

    tier: str
    place: str
    value: Any
    choice: str
    role: str = ""
    message: int | None = None
    rendered: bool = True

    @property
    def normal(self) -> Any:
        """The part of it that is in the cache key."""
        return normal(self.value, self.choice)

    @cached_property
    def data(self) -> bytes:
        """The bytes to compare between requests: received key order, no breakpoints."""
        text = json.dumps(self.normal, ensure_ascii=False, separators=(",", ":"))
        return f"{self.role}{text}".encode("utf-8", "surrogatepass")

    @property
    def marked(self) -> bool:
        """Whether it carries a breakpoint."""
        return isinstance(self.value, dict) and self.value.get("cache_control") is not None

    @property
    def kind(self) -> str:
        """The block's type, such as ``text`` or ``tool_use``; on Converse, ``toolUse``."""
        return kind_of(self.value, self.choice) if isinstance(self.value, dict) else ""

    @property
    def name(self) -> str:
        """A tool's name; empty if the block has none."""
        if not isinstance(self.value, dict):
            return ""
        spec = next((self.value[key] for key in _CONVERSE_TOOLS if key in self.value), self.value)
        return str(spec.get("name") or "") if isinstance(spec, dict) else ""


def blocks(request: Mapping[str, Any]) -> list[Block]:
    """Return all blocks of a request; for a message without content, its other fields."""
    shape = CONVERSE if is_converse(request) else REQUEST
    messages = [m if isinstance(m, dict) else {} for m in request.get("messages") or ()]
    cleared = cleared_messages(messages)
    request_blocks = [
        _block(tier, place, value, shape, number, messages, cleared)
        for tier, place, number, value in (*walk(request), *_contentless(messages))
    ]
    # Messages without content are listed among the messages.
    return sorted(request_blocks, key=lambda block: -1 if block.message is None else block.message)


def _block(
    tier: str,
    place: str,
    value: Any,
    shape: str,
    number: int | None,
    messages: Sequence[Mapping[str, Any]],
    cleared: set[int],
) -> Block:
    role = "" if number is None else _role(messages[number])
    choice = choice_of(tier, shape, "" if number is None else str(messages[number].get("role")))
    rendered = number not in cleared and (not isinstance(value, dict) or is_rendered(value, choice))
    return Block(tier, place, value, choice, role, number, rendered)


def _contentless(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, int, Any]]:
    for i, message in enumerate(messages):
        if not message.get("content") and _role(message) != message.get("role"):
            yield "messages", f"messages[{i}]", i, {}


def _role(message: Mapping[str, Any]) -> str:
    """The message's role, with its fields other than content."""
    role = str(message.get("role", ""))
    if role != "system":
        return role
    rows = table().shapes[_SYSTEM].rows
    role_fields = {
        name: left
        for name, value in message.items()
        if name not in ("role", "content") and value is not None and name in rows
        if (left := normal_field(value, rows[name])) is not ...
    }
    return role + json.dumps(role_fields) if role_fields else role


def positions(prompt_blocks: Iterable[Block]) -> list[int]:
    """Return each block's look-back position; a run of tool uses or results is one position.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching, look-back.
    """
    numbers: list[int] = []
    before = ""
    for block in prompt_blocks:
        row = block_row(block.value, block.choice) if isinstance(block.value, dict) else None
        run = row is not None and row.together and block.kind == before
        numbers.append((numbers[-1] if numbers else -1) + (not run))
        before = block.kind
    return numbers


def estimate(prompt_blocks: Iterable[Block], model: str) -> int:
    """Estimate the tokens of these blocks for a model."""
    rate = rate_of_model(model)
    return sum(_tokens(block, rate) for block in prompt_blocks)


def _tokens(block: Block, rate: tuple[int, int]) -> int:
    value = block.value if isinstance(block.value, dict) else {}
    return block_tokens(value, block.data, rate)
