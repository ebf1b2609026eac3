"""A request as the provider's cache sees it: blocks in order, tools first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.core.fingerprint import block_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["TIERS", "Block", "blocks", "estimate", "positions"]

TIERS = ("tools", "system", "messages")
_RUNS = ("tool_use", "tool_result")


@dataclass(frozen=True)
class Block:
    """One tool, system block or content block of a message.

    Attributes
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``.
    place : str
        Where it stands, such as ``system[1]`` or ``messages[0].content[2]``.
    value : object
        The block as it was sent; a plain string as the text block it stands for.
    role : str
        Whose message it belongs to; empty outside of messages.
    """

    tier: str
    place: str
    value: Any
    role: str = ""

    @property
    def data(self) -> bytes:
        """The bytes that the fingerprint sees."""
        return self.role.encode() + block_bytes(self.value)

    @property
    def marked(self) -> bool:
        """Whether it carries a breakpoint."""
        return isinstance(self.value, dict) and self.value.get("cache_control") is not None

    @property
    def kind(self) -> str:
        """The block's own type, such as ``text`` or ``tool_use``."""
        return str(self.value.get("type", "")) if isinstance(self.value, dict) else ""


def blocks(request: Mapping[str, Any], messages: Sequence[Any] | None = None) -> list[Block]:
    """All blocks of a request, or with only these of its messages."""
    found = [Block("tools", f"tools[{i}]", t) for i, t in enumerate(request.get("tools") or [])]
    found += [
        Block("system", f"system[{i}]", b) for i, b in enumerate(_as_list(request.get("system")))
    ]
    for i, message in enumerate(request.get("messages") or [] if messages is None else messages):
        content = _as_list(message.get("content"))
        role = str(message.get("role", ""))
        found += [
            Block("messages", f"messages[{i}].content[{j}]", block, role)
            for j, block in enumerate(content)
        ]
    return found


def positions(found: Iterable[Block]) -> list[int]:
    """The position of each block as look-back counts: runs of tool uses or results are one.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching, look-back.
    """
    numbers: list[int] = []
    before = ""
    for block in found:
        run = block.kind in _RUNS and block.kind == before
        numbers.append((numbers[-1] if numbers else -1) + (not run))
        before = block.kind
    return numbers


def estimate(found: Iterable[Block]) -> int:
    """A rough count of tokens: a quarter of the bytes."""
    return sum(len(block.data) for block in found) // 4


def _as_list(content: object) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []
