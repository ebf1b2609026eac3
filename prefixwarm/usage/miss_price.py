"""The cost of a miss: what writing tokens costs beyond reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.life import write_price

if TYPE_CHECKING:
    from collections.abc import Mapping


def miss_usd(tokens: int, usd_per_mtok: Mapping[str, float | None], ttl: int) -> float | None:
    """Return what writing tokens with this TTL (seconds) costs beyond reading them.

    Parameters
    ----------
    tokens : int
        The tokens.
    usd_per_mtok : mapping
        Prices in US dollars per million tokens.
    ttl : int
        The TTL of the write.

    Returns
    -------
    float or None
        US dollars; None if a price is unknown.
    """
    write, read = usd_per_mtok.get(write_price(ttl)), usd_per_mtok.get("read")
    return None if write is None or read is None else tokens * (write - read) / 1e6
