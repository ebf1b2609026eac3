"""The cost of a difference: the tokens one request cannot read from the other's entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.prefix.blocks import estimate
from prefixwarm.prefix.difference import TIER_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.prompt import Prompt


def lost_tokens(left: Prompt, right: Prompt, differences: Sequence[Difference]) -> int:
    """Estimate the tokens of the right side from the first difference on."""
    return estimate(right.blocks[_first(left, right, differences) :], right.model)


def _first(left: Prompt, right: Prompt, differences: Sequence[Difference]) -> int:
    """The index of the right side's first block that is not shared."""
    invalid = {difference.tier for difference in differences if "[" not in difference.place}
    tiers = [TIER_ORDER.index(block.tier) for block in right.blocks]
    starts = [sum(tier < TIER_ORDER.index(one) for tier in tiers) for one in invalid]
    return min([left.shared_with([right]), *starts])
