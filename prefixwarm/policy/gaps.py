"""Learns from a prefix's gaps how many refreshes a 5 minute entry is worth."""

from __future__ import annotations

import struct
from bisect import bisect_left

from prefixwarm.life import TTL_5M, break_even
from prefixwarm.policy.rules import Gap

# Refreshes that bridge a gap, by class; one more class is for all longer gaps.
_BRIDGES = (1, 2, 3, 4, 6, 8, 11, 15, 20, 30)
_FORMAT = struct.Struct(f"<{len(_BRIDGES) + 1}e")

# The prior and its weight in gaps: the average over the data sets in
# `benchmarks/prior.py`. After about 50 further gaps an observation counts a third.
_WEIGHT = 6
_SHARES = (0.12, 0.07, 0.05, 0.04, 0.05, 0.04, 0.05, 0.05, 0.04, 0.05, 0.44)
_FADE = 0.98


class Gaps:
    """Decaying counts of gaps above 5 minutes, by the refreshes that bridge them."""

    size = _FORMAT.size

    def __init__(self, counts: tuple[float, ...] | None = None) -> None:
        self._counts = counts or tuple(_WEIGHT * share for share in _SHARES)

    @classmethod
    def unpack(cls, packed: bytes) -> Gaps:
        """Read what `pack` wrote."""
        return cls(_FORMAT.unpack(packed))

    def pack(self) -> bytes:
        """The counts as bytes."""
        return _FORMAT.pack(*self._counts)

    def after(self, seconds: float) -> Gaps:
        """The counts after a gap between two requests."""
        needed = Gap(seconds, TTL_5M).needed
        if not needed:
            return self
        index = bisect_left(_BRIDGES, needed)
        return Gaps(tuple(_FADE * count + (i == index) for i, count in enumerate(self._counts)))

    def refreshes(self, read: float, premium: float, covered: float) -> int:
        """The number of refreshes that would have cost least, of those covered.

        At most as many as cost the same as a miss.
        """
        most = min(break_even(read, premium), covered)
        choices = (0, *(count for count in _BRIDGES if count <= most and self._seen(count)))
        return min(choices, key=lambda count: self._cost(count, read, premium))

    def _seen(self, allowed: int) -> bool:
        """Whether gaps bridged by this many refreshes are supported by more than the prior."""
        classes = bisect_left(_BRIDGES, allowed + 1)
        return sum(self._counts[:classes]) > _WEIGHT * sum(_SHARES[:classes]) + 0.25

    def _cost(self, allowed: int, read: float, premium: float) -> float:
        bridged = sum(
            count * bridge * read
            for bridge, count in zip(_BRIDGES, self._counts, strict=False)
            if bridge <= allowed
        )
        missed = sum(self._counts[bisect_left(_BRIDGES, allowed + 1) :])
        return bridged + missed * (allowed * read + premium)
