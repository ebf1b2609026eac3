"""What a difference costs: tokens that one request cannot read of the other's entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import blocks, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.difference import Difference


def lost_tokens(
    left: Mapping[str, Any], right: Mapping[str, Any], found: Sequence[Difference]
) -> int:
    """Estimated tokens of the right side from the first difference on."""
    sent = blocks(right)
    return estimate(sent[_first(left, right, found) :])


def miss_usd(tokens: int, usd_per_mtok: Mapping[str, float | None], ttl: str) -> float | None:
    """US dollars that writing these tokens costs more than reading them, or None."""
    write, read = usd_per_mtok.get(f"write_{ttl}"), usd_per_mtok.get("read")
    return None if write is None or read is None else tokens * (write - read) / 1e6


def _first(left: Mapping[str, Any], right: Mapping[str, Any], found: Sequence[Difference]) -> int:
    """Index of the right side's first block that is not shared."""
    sides = blocks(left), blocks(right)
    pairs = enumerate(zip(*sides, strict=False))
    parts = next((i for i, (a, b) in pairs if a.data != b.data), min(map(len, sides)))
    tiers = [block.tier for block in sides[1]]
    invalid = {each.tier for each in found if "[" not in each.place}
    if "shape" in invalid:
        return 0
    starts = [tiers.index(tier) for tier in invalid if tier in tiers]
    return min([parts, *starts])
