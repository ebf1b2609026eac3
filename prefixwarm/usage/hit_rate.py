"""The hit rate: by tokens, since a hit of a long prompt is worth more than that of a short one."""

from __future__ import annotations


def hit_rate(read: int, written: int, uncached: int) -> float | None:
    """The share of the input tokens that were read from the cache; None where there were none."""
    tokens = read + written + uncached
    return read / tokens if tokens else None
