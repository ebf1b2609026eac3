"""Whether a request is of the same agent as another, though not the same: is half of it there?"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import TIERS, blocks
from prefixwarm.prefix.volatile import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


_WORD = re.compile(r"\w+")


class Similarity:
    """What one recognises an agent's request by, tier by tier.

    Of the tools it is their names, of system and messages every two words that follow each other:
    unrelated texts have few of those in common, two versions of one text most.

    Parameters
    ----------
    body : mapping
        A request.
    messages : sequence
        Those of its messages that count.
    """

    def __init__(self, body: Mapping[str, Any], messages: Sequence[Any]) -> None:
        found = blocks(body, messages)
        texts = {tier: [block.value for block in found if block.tier == tier] for tier in TIERS}
        self._tiers: tuple[set[Any], ...] = (
            {tool.name or tool.kind for tool in found if tool.tier == "tools"},
            set(pairwise(_words(texts["system"]))),
            set(pairwise(_words(texts["messages"]))),
        )

    def is_part_of(self, other: Similarity) -> bool:
        """Whether at least half of some tier is in the other's."""
        tiers = zip(self._tiers, other._tiers, strict=True)
        return any(ours and 2 * len(ours & theirs) >= len(ours) for ours, theirs in tiers)


def _words(content: object) -> Iterator[str]:
    for _, text in leaves(content, ""):
        yield from _WORD.findall(text)
