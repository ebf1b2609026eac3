"""What one recognises an agent's prompt by: is half of it in another one?"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import TIERS
from prefixwarm.prefix.volatile import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prefixwarm.prefix.blocks import Block

# Of one tier, the share in which two versions of one prompt agree, and two prompts do not.
ALIKE = 0.5

_WORD = re.compile(r"\w+")

Traits = dict[str, set[Any]]


def traits(prompt: Iterable[Block]) -> Traits:
    """What one recognises a prompt by, tier by tier.

    Of the tools it is their names, of system and messages every two words that follow each other:
    unrelated texts have few of those in common, two versions of one text most.
    """
    texts: dict[str, list[Any]] = {tier: [] for tier in TIERS}
    for block in prompt:
        texts[block.tier].append(
            (block.name or block.kind) if block.tier == "tools" else block.value
        )
    words = {tier: set(pairwise(_iter_words(texts[tier]))) for tier in TIERS[1:]}
    return {"tools": set(texts["tools"]), **words}


def shares(ours: Mapping[str, set[Any]], theirs: Mapping[str, set[Any]]) -> dict[str, float]:
    """Of each tier that we have, how much of it they have, too: from 0 to 1."""
    return {tier: len(ours[tier] & theirs[tier]) / len(ours[tier]) for tier in TIERS if ours[tier]}


def _iter_words(content: object) -> Iterator[str]:
    for _, text in leaves(content, ""):
        yield from _WORD.findall(text)
