"""Measures how much of one agent's prompt appears in another, to recognise the agent."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.parameters import TIERS
from prefixwarm.prefix.volatile import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prefixwarm.prefix.blocks import Block

# The share of a tier in which versions of one prompt agree and different prompts do not.
ALIKE = 0.5

_WORD = re.compile(r"\w+")

Traits = dict[str, set[Any]]


def traits(prompt: Iterable[Block]) -> Traits:
    """Return the traits that identify a prompt, tier by tier.

    For tools, their names; for system and messages, all pairs of consecutive words: unrelated
    texts share few pairs, two versions of one text share most.
    """
    texts: dict[str, list[Any]] = {tier: [] for tier in TIERS}
    for block in prompt:
        texts[block.tier].append(
            (block.name or block.kind) if block.tier == "tools" else block.value
        )
    words = {tier: set(pairwise(_iter_words(texts[tier]))) for tier in TIERS[1:]}
    return {"tools": set(texts["tools"]), **words}


def shares(ours: Mapping[str, set[Any]], theirs: Mapping[str, set[Any]]) -> dict[str, float]:
    """For each of our tiers, the share of its traits that theirs has too, from 0 to 1."""
    return {tier: len(ours[tier] & theirs[tier]) / len(ours[tier]) for tier in TIERS if ours[tier]}


def _iter_words(content: object) -> Iterator[str]:
    for _, text in leaves(content, ""):
        yield from _WORD.findall(text)
