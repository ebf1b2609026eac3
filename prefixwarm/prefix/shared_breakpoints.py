"""Places the breakpoints of a shared prefix, in addition to those already on its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from prefixwarm.errors import UsageError
from prefixwarm.fields.block_rules import can_be_marked, choice_of
from prefixwarm.fields.breakpoint_field import MARKER
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.body import MAX_BREAKPOINTS, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


Block = dict[str, Any]

# ``auto``: keep existing ones and add one at the end of each section. ``own``: existing ones only.
# ``clear``: like ``auto``, but remove existing ones first.
Breakpoints: TypeAlias = Literal["auto", "own", "clear"]
MODES = ("auto", "own", "clear")


@dataclass
class SharedSection:
    """One section of a prefix: its tools, its system prompt, its examples or its context.

    Attributes
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``.
    blocks : list of dict
        Its blocks, with breakpoints as ``cache_control``.
    choices : list of str
        For each block, the choice of block types that it belongs to.
    """

    tier: str
    blocks: list[Block]
    choices: list[str]

    @classmethod
    def of(cls, tier: str, content: str | Sequence[Block], *, converse: bool) -> SharedSection:
        """Make a section of a copy of this content."""
        blocks = _folded(content, converse=converse)
        choice = choice_of(tier, CONVERSE if converse else REQUEST)
        return cls(tier, blocks, [choice] * len(blocks))

    @property
    def end(self) -> Block | None:
        """Its last block that can carry a breakpoint."""
        pairs = zip(reversed(self.blocks), reversed(self.choices), strict=True)
        able = (block for block, choice in pairs if can_be_marked(block, choice) == "yes")
        return next(able, None)


def turns(
    examples: Sequence[Mapping[str, Any]], context: str | Sequence[Block], *, converse: bool
) -> tuple[list[Block], list[Block]]:
    """The messages of examples and of context, with copied blocks."""
    example_turns = [{**m, "content": _folded(m["content"], converse=converse)} for m in examples]
    context_content = _folded(context, converse=converse)
    return example_turns, [{"role": "user", "content": context_content}] if context else []


def messages_section(messages: Iterable[Mapping[str, Any]], *, converse: bool) -> SharedSection:
    """The blocks of messages from `turns` as one section."""
    section = SharedSection("messages", [], [])
    for message in messages:
        shape = CONVERSE if converse else REQUEST
        choice = choice_of("messages", shape, str(message.get("role")))
        section.blocks += message["content"]
        section.choices += [choice] * len(message["content"])
    return section


def _folded(content: str | Sequence[Block], *, converse: bool) -> list[Block]:
    """Copies of this content's blocks; cache points become ``cache_control``."""
    if isinstance(content, str):
        kind = {} if converse else {"type": "text"}
        return [{**kind, "text": content}] if content else []
    if converse:
        return [dict(block) for _, block in fold(content)]
    return [dict(block) for block in content]


def place(name: str, sections: Sequence[SharedSection], ttl: str, mode: Breakpoints) -> list[Block]:
    """Put the prefix's breakpoints on blocks, at most four.

    Returns
    -------
    list of dict
        The blocks marked here that may lose their breakpoint, in the order to give them up.

    Raises
    ------
    UsageError
        There is nothing to share, the user has set too many breakpoints, or none although only
        those count.
    """
    if mode not in MODES:
        raise UsageError(f"prefix {name}: breakpoints {mode!r}: write one of {', '.join(MODES)}")
    if not any(section.blocks for section in sections):
        raise UsageError(f"prefix {name}: there are neither tools nor a system prompt to share")
    own = _own(name, sections, ttl, mode)
    if mode == "own":
        if not own:
            raise UsageError(f'prefix {name}: breakpoints="own", but no block carries one')
        return []
    ends = [end for section in sections if (end := section.end) is not None]
    if not ends:
        raise UsageError(f"prefix {name}: none of its blocks can carry a breakpoint")
    last = ends[-1]
    if len(own) >= MAX_BREAKPOINTS and MARKER not in last:
        raise UsageError(
            f"prefix {name}: it has {len(own)} breakpoints, and none at its end; remove one: "
            f"the provider takes {MAX_BREAKPOINTS}"
        )
    new = [end for end in ends if MARKER not in end]
    placed = new[max(0, len(new) - (MAX_BREAKPOINTS - len(own))) :]
    for block in placed:
        block[MARKER] = {"type": "ephemeral", "ttl": ttl}
    return [block for block in placed if block is not last]


def _own(name: str, sections: Sequence[SharedSection], ttl: str, mode: Breakpoints) -> list[Block]:
    """The blocks on which the user set breakpoints; these get the prefix's TTL."""
    marked = [
        block for section in sections for block in section.blocks if block.get(MARKER) is not None
    ]
    if mode == "clear":
        for block in marked:
            del block[MARKER]
        return []
    if len(marked) > MAX_BREAKPOINTS:
        raise UsageError(
            f"prefix {name}: {len(marked)} blocks carry a breakpoint; the provider takes "
            f"{MAX_BREAKPOINTS}"
        )
    for block in marked:
        asked = block[MARKER].get("ttl", ttl) if isinstance(block[MARKER], dict) else None
        if asked != ttl:
            raise UsageError(
                f"prefix {name}: a breakpoint has ttl {asked!r} and the prefix {ttl!r}; "
                "all must be equal: set it in Prefix"
            )
        block[MARKER] = {**block[MARKER], "ttl": ttl}
    return marked
