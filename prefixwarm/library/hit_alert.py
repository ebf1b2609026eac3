"""Detects when a hit rate falls below a threshold, and when it recovers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.library.cache_summary import CacheSummary
    from prefixwarm.library.token_sums import Group, Sums

# A window is evaluated this many times while it passes, once it has enough requests.
_TIMES = 60


@dataclass(frozen=True)
class LowHits:
    """A hit rate that crossed a threshold.

    Attributes
    ----------
    low : bool
        True if it fell below, False if it recovered.
    hit_rate, below : float
        The rate, and the threshold.
    prefix, model : str or None
        The requests counted; None for any.
    summary : CacheSummary
        The summary of the time window.
    """

    low: bool
    hit_rate: float
    below: float
    prefix: str | None
    model: str | None
    summary: CacheSummary


@dataclass(eq=False)
class HitAlert:
    """One threshold; see `CacheStats.on_low` for the parameters."""

    callback: Callable[[LowHits], object]
    below: float
    last_seconds: float
    least_requests: int
    prefix: str | None
    model: str | None
    _requests: int = 0
    _judged_at: float = float("-inf")
    _low: bool = False

    def is_due(self, group: Group, at: float) -> bool:
        """Whether to evaluate the window after a request of this group; call once per request."""
        if group.warm or self.prefix not in (None, group.prefix):
            return False
        if self.model not in (None, group.model):
            return False
        self._requests += 1
        enough = self._requests % self.least_requests == 0
        if not enough and at - self._judged_at < self.last_seconds / _TIMES:
            return False
        self._judged_at = at
        return True

    def crosses(self, sums: Sums) -> bool:
        """Whether the window's rate has crossed the threshold since the last callback."""
        if sums.requests < self.least_requests or not sums.prompt:
            return False
        return (sums.read / sums.prompt < self.below) != self._low

    def call(self, summary: CacheSummary) -> None:
        """Call the callback with the window that crossed the threshold."""
        self._low = not self._low
        rate = summary.hit_rate or 0.0
        self.callback(LowHits(self._low, rate, self.below, self.prefix, self.model, summary))
