"""How long a cache entry lives, when its refresh is due, and when refreshing stops paying.

Standard library only, because the init phase loads it; imports no other package.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TTL_5M = 300
TTL_1H = 3600

# The TTL names in a request's ``cache_control``, and their seconds.
# Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
TTL_SECONDS = {"5m": TTL_5M, "1h": TTL_1H}
TTL_WORDS = {seconds: word for word, seconds in TTL_SECONDS.items()}

# Seconds before an entry's end. The keep-warm function ticks every 60 s, so a refresh is sent up
# to a minute after it is due. A one-hour entry has room for one more lost tick (a throttled or
# updating function); a 5-minute entry does not: refreshing every 3 minutes instead of 4 would
# cost a third more. The half minute keeps a tick that comes slightly early in its minute from
# skipping a minute.
_MARGINS = {TTL_1H: 150, TTL_5M: 90}


# What a price is quoted for, per token.
PRICE_CATEGORIES = ("input", "read", "write_5m", "write_1h", "output")

# The provider's multipliers of the input price; the same for every model it serves.
# Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
USUAL_PRICES = {"read": 0.1, "write_5m": 1.25, "write_1h": 2.0}


def refresh_after(ttl: int) -> int:
    """Return how many seconds after the start of an entry's last use its refresh is due.

    The latest moment that is safe with one tick a minute, and so the cheapest: with an
    hour refreshes are 58 minutes apart, with five minutes 4.

    Parameters
    ----------
    ttl : int
        Seconds; 3600 or 300.
    """
    return ttl - _MARGINS[TTL_1H if ttl >= TTL_1H else TTL_5M]


def break_even(read: float, premium: float) -> int:
    """Return how many refreshes without a request cost as much as the miss they avoid.

    Source: the ski rental problem; buying once the rent paid equals the price is never worse
    than twice the best choice in hindsight.

    Parameters
    ----------
    read : float
        Price of one refresh.
    premium : float
        The extra cost of a miss over a hit, in the same unit.
    """
    return max(0, int(premium / read + 1e-9))


def write_price(ttl: int) -> str:
    """Return the name of the price of a write with this TTL (seconds)."""
    return "write_1h" if ttl >= TTL_1H else "write_5m"


def relative_prices(usd_per_mtok: Mapping[str, float | None]) -> dict[str, float]:
    """Return the prices of ``read``, ``write_5m`` and ``write_1h`` relative to uncached input.

    Parameters
    ----------
    usd_per_mtok : mapping
        US dollars per million tokens, by category; if one of these or ``input`` is unknown, the
        result is `USUAL_PRICES`.
    """
    unit = usd_per_mtok.get("input")
    prices = {name: usd_per_mtok.get(name) for name in USUAL_PRICES}
    relative = {name: price / unit for name, price in prices.items() if price and unit}
    return relative if len(relative) == len(USUAL_PRICES) else dict(USUAL_PRICES)
