"""The hit rate, counted in tokens because a hit on a long prompt is worth more."""

from __future__ import annotations


def hit_rate(read: int, written: int, uncached: int) -> float | None:
    """Return the share of input tokens read from the cache; None without input tokens."""
    tokens = read + written + uncached
    return read / tokens if tokens else None
