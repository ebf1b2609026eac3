"""Limits requests and input tokens per minute with token buckets, as the provider does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.simulator.api_errors import ApiError

if TYPE_CHECKING:
    from prefixwarm.simulator.settings import Limits


_MINUTE = 60.0
# The limits of the provider's start tier, for headers; only configured limits are enforced.
_SHOWN = {"requests": 1_000, "input-tokens": 2_000_000, "output-tokens": 400_000}


@dataclass(slots=True)
class _Bucket:
    limit: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.limit / _MINUTE
        self.level = min(float(self.limit), self.level + gained)
        self.at = max(self.at, now)

    def missing(self, amount: int) -> float:
        """Return seconds until `amount` fits (never more than a full bucket)."""
        short = min(amount, self.limit) - self.level
        return short * _MINUTE / self.limit if short > 0 else 0.0


class Buckets:
    """One pair of buckets per organization and model.

    Parameters
    ----------
    limits : Limits
        The enforced limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def clear(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()

    def take(self, organization: str, model: str, tokens: int, now: float) -> None:
        """Count one request and its uncached and written input tokens; read ones do not count.

        Raises
        ------
        ApiError
            429 with ``retry-after``.
        """
        self._take("requests", self._limits.rpm, (organization, model), 1, now)
        self._take("input-tokens", self._limits.itpm, (organization, model), tokens, now)

    def _take(
        self, kind: str, limit: int | None, who: tuple[str, str], amount: int, now: float
    ) -> None:
        if limit is None:
            return
        bucket = self._buckets.setdefault((kind, *who), _Bucket(limit, limit, now))
        bucket.refill(now)
        wait = bucket.missing(amount)
        if wait > 0:
            raise ApiError(
                429,
                f"This request would exceed the rate limit of {limit} {kind} per minute",
                headers={"retry-after": str(math.ceil(wait)), **self.headers(*who, now)},
            )
        bucket.level -= amount

    def headers(self, organization: str, model: str, now: float) -> dict[str, str]:
        """Return the rate-limit headers of a reply."""
        headers: dict[str, str] = {}
        for kind, shown in _SHOWN.items():
            bucket = self._buckets.get((kind, organization, model))
            limit, level = (bucket.limit, bucket.level) if bucket else (shown, float(shown))
            full_at = now + (limit - level) * _MINUTE / limit
            headers[f"anthropic-ratelimit-{kind}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{kind}-remaining"] = str(max(0, int(level)))
            headers[f"anthropic-ratelimit-{kind}-reset"] = _rfc3339(math.ceil(full_at))
        return headers


@lru_cache(maxsize=64)
def _rfc3339(second: int) -> str:
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
