"""How long a cache entry lives, when its refresh is due, and when refreshing stops paying.

Standard library only, and below every other package: the init phase loads it, too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TTL_5M = 300
TTL_1H = 3600

# The words of a request's ``cache_control``, and the seconds that they stand for.
# Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
TTL_SECONDS = {"5m": TTL_5M, "1h": TTL_1H}
TTL_WORDS = {seconds: word for word, seconds in TTL_SECONDS.items()}

# Seconds before an entry's end. The keep-warm function ticks every 60 s, so a refresh is sent up
# to a minute after it is due. An hour can spare one tick that is lost on top of that (a function
# that is throttled or updated); a 5 minute entry cannot: a refresh every 3 minutes instead of 4
# would cost a third more. Half a minute beside whole minutes: a tick that comes a little earlier
# in its minute than the last one did must not skip a minute.
_MARGINS = {TTL_1H: 150, TTL_5M: 90}


# The provider's own multipliers of the input price, which hold for every model that it serves.
# Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
USUAL_PRICES = {"read": 0.1, "write_5m": 1.25, "write_1h": 2.0}


def refresh_after(ttl: int) -> int:
    """Seconds from the start of the last call that used an entry to its refresh.

    The latest moment that is safe where a tick comes once a minute, and so the cheapest: with an
    hour refreshes are 58 minutes apart, with five minutes 4.

    Parameters
    ----------
    ttl : int
        Seconds; 3600 or 300.
    """
    return ttl - _MARGINS[TTL_1H if ttl >= TTL_1H else TTL_5M]


def break_even(read: float, premium: float) -> int:
    """Refreshes in a row without a request that cost as much as the miss they avoid.

    Source: the ski rental problem; buying once the rent paid equals the price is never worse
    than twice the best choice in hindsight.

    Parameters
    ----------
    read : float
        Price of one refresh.
    premium : float
        What a miss costs more than a hit, in the same unit.
    """
    return max(0, int(premium / read + 1e-9))


def relative_prices(usd_per_mtok: Mapping[str, float | None]) -> dict[str, float]:
    """Prices of ``read``, ``write_5m`` and ``write_1h`` in units of one uncached read.

    Parameters
    ----------
    usd_per_mtok : mapping
        US dollars a million tokens, by category; where one of these or ``input`` is unknown, the
        result is `USUAL_PRICES`.
    """
    unit = usd_per_mtok.get("input")
    prices = {name: usd_per_mtok.get(name) for name in USUAL_PRICES}
    relative = {name: price / unit for name, price in prices.items() if price and unit}
    return relative if len(relative) == len(USUAL_PRICES) else dict(USUAL_PRICES)
