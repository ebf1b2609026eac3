"""A request as the provider's cache sees it: blocks in order, tools first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.body import walk
from prefixwarm.prefix.fingerprint import block_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


TIERS = ("tools", "system", "messages")
_RUNS = ("tool_use", "tool_result")
# Of the kinds that matter here, what Converse calls them: a block's only key.
_CONVERSE_KINDS = {"toolUse": "tool_use", "toolResult": "tool_result", "image": "image"}
_CONVERSE_TOOLS = ("toolSpec", "systemTool")


@dataclass(frozen=True)
class Block:
    """One tool, system block or content block of a message.

    Attributes
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``.
    place : str
        Where it stands, such as ``system[1]`` or ``toolConfig.tools[0]``.
    value : object
        The block as it was sent; a plain string as the text block it stands for. A cache point
        of Converse stands in the block that it closes, as ``cache_control``.
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
        if not isinstance(self.value, dict):
            return ""
        if "type" in self.value:
            return str(self.value["type"])
        return next((kind for key, kind in _CONVERSE_KINDS.items() if key in self.value), "")

    @property
    def name(self) -> str:
        """A tool's name; empty where the block has none."""
        if not isinstance(self.value, dict):
            return ""
        spec = next((self.value[key] for key in _CONVERSE_TOOLS if key in self.value), self.value)
        return str(spec.get("name") or "") if isinstance(spec, dict) else ""


def blocks(request: Mapping[str, Any], messages: Sequence[Any] | None = None) -> list[Block]:
    """All blocks of a request, or with only these of its messages."""
    return [Block(tier, place, value, role) for tier, place, role, value in walk(request, messages)]


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
