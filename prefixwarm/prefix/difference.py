"""Finds where and why two requests first differ, tier by tier."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.parameters import TIERS
from prefixwarm.prefix.volatile import kind_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.fields.parameters import Parameter
    from prefixwarm.prefix.blocks import Block


# The tier of a difference that affects all tiers; --json and the state use this name.
ALL_TIERS = "shape"
# In the order in which a difference ends the common prefix.
TIER_ORDER = (ALL_TIERS, *TIERS)

_AROUND = 24
_ABSENT = "(absent)"
_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes
    ----------
    tier : str
        ``tools``, ``system`` or ``messages``; ``shape`` for parameters of all tiers (model,
        thinking, betas, ...).
    place : str
        The field, such as ``system[1].text`` or ``tools[0].input_schema``.
    character : int or None
        Index of the first different character of a text; None if not text.
    why : str
        ``date``, ``uuid``, ..., ``key order``, ``order of tools``, ``white space``, ``text``,
        ``added``, ``removed`` or ``value``.
    left, right : str
        The text around it on either side.
    """

    tier: str
    place: str
    character: int | None
    why: str
    left: str
    right: str

    @property
    def at(self) -> str:
        """The place and, in a text, the first different character: ``system[1].text:26``."""
        return self.place if self.character is None else f"{self.place}:{self.character}"

    def reversed(self) -> Difference:
        """The same difference with sides swapped."""
        why = {"added": "removed", "removed": "added"}.get(self.why, self.why)
        return replace(self, why=why, left=self.right, right=self.left)


def between_parameters(ours: Parameter | None, theirs: Parameter | None) -> Difference | None:
    """The difference of one parameter, or None."""
    left, right = (None if side is None else side.value for side in (ours, theirs))
    one = theirs or ours
    if one is None or left == right:
        return None
    tier = ALL_TIERS if one.tier == "parameters" else one.tier
    return Difference(tier, one.place, None, "value", _short(left), _short(right))


def between_blocks(left: Sequence[Block], right: Sequence[Block]) -> Difference | None:
    """The first difference of two runs of blocks, or None."""
    for ours, theirs in zip_longest(left, right):
        if ours is None or theirs is None:
            one = ours or theirs
            why = "added" if ours is None else "removed"
            return Difference(one.tier, one.place, None, why, _title(ours), _title(theirs))
        if ours.data != theirs.data:
            if ours.tier == "tools" and _reordered(left, right):
                names = [_names(side) for side in (left, right)]
                return Difference(
                    "tools", ours.place, None, "order of tools", *(", ".join(n) for n in names)
                )
            return _inside(ours, theirs)
    return None


def _inside(ours: Block, theirs: Block) -> Difference:
    if ours.role != theirs.role:
        return Difference(ours.tier, ours.place, None, "value", ours.role, theirs.role)
    place, a, b = next(_walk(ours.normal, theirs.normal, ours.place))
    if isinstance(a, str) and isinstance(b, str):
        at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), -1)
        at = at if at >= 0 else min(len(a), len(b))
        return Difference(ours.tier, place, at, _why(a, b, at), _around(a, at), _around(b, at))
    if isinstance(a, list) and isinstance(b, list):
        return Difference(ours.tier, place, None, "key order", ", ".join(a), ", ".join(b))
    return Difference(ours.tier, place, None, "value", _short(a), _short(b))


def _walk(a: Any, b: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the differing leaves in order; if only key order differs, the two lists of keys."""
    if isinstance(a, dict) and isinstance(b, dict):
        ours, theirs = list(a), list(b)
        if ours != theirs and sorted(ours) == sorted(theirs):
            yield place, ours, theirs
        for name in dict.fromkeys((*ours, *theirs)):
            yield from _walk(a.get(name, _MISSING), b.get(name, _MISSING), f"{place}.{name}")
    elif isinstance(a, list) and isinstance(b, list):
        for i, (x, y) in enumerate(zip_longest(a, b, fillvalue=_MISSING)):
            yield from _walk(x, y, f"{place}[{i}]")
    elif type(a) is not type(b) or a != b:
        yield place, a, b


def _why(a: str, b: str, at: int) -> str:
    kind = kind_at(a, at) or kind_at(b, at)
    if kind is not None:
        return kind
    if "".join(a.split()) == "".join(b.split()):
        return "white space"
    if at < min(len(a), len(b)) and a[at].isdigit() and b[at].isdigit():
        return "number"
    return "text"


def _reordered(left: Sequence[Block], right: Sequence[Block]) -> bool:
    ours, theirs = _names(left), _names(right)
    return ours != theirs and sorted(ours) == sorted(theirs)


def _names(tools: Sequence[Block]) -> list[str]:
    return [tool.name or tool.kind for tool in tools]


def _title(block: Block | None) -> str:
    if block is None:
        return _ABSENT
    return block.name or _short(block.value)


def _around(text: str, at: int) -> str:
    start, end = max(0, at - _AROUND), at + _AROUND
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return f"{before}{text[start:end]}{after}".replace("\n", " ")


def _short(value: object) -> str:
    if value is None or value is _MISSING:
        return _ABSENT
    return _around(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 0)
