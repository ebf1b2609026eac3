"""What a request's cache keys were made of, and where two requests part."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.simulator.cache_keys import DIGEST, Salts
from prefixwarm.simulator.prompt_blocks import TIERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.simulator.cache import Plan
    from prefixwarm.simulator.prompt_blocks import Block
    from prefixwarm.simulator.request_log import Record

__all__ = ["Trace", "explain"]


class Trace(NamedTuple):
    """The making of one request's keys.

    Attributes
    ----------
    salts : tuple of dict
        See `prefixwarm.simulator.cache_keys.salts`.
    chain : bytes
        The cumulative digests of its blocks, one after the other.
    paths : tuple of str
        Where each block stands.
    ends : array
        Tokens up to and including each block.
    marked : int
        The block of its last breakpoint that counts, -1 for none.
    ttl : str
        That breakpoint's TTL, empty for none.
    """

    salts: Salts
    chain: bytes
    paths: tuple[str, ...]
    ends: array[int]
    marked: int
    ttl: str

    @classmethod
    def of(cls, salts: Salts, chain: Sequence[bytes], blocks: Sequence[Block], plan: Plan) -> Trace:
        """Keep what explains a plan."""
        marked, ttl = plan.last or (-1, "")
        paths = tuple(block.path for block in blocks)
        return cls(salts, b"".join(chain), paths, array("Q", plan.ends), marked, ttl)

    def includes(self, key: str) -> bool:
        """Tell whether a cache key, in hexadecimal, is one of the prefixes."""
        chain = self.chain
        return any(chain[at : at + DIGEST].hex() == key for at in range(0, len(chain), DIGEST))

    def cached(self) -> int:
        """Return the tokens up to the last breakpoint."""
        return self.ends[self.marked] if self.marked >= 0 else 0


def explain(record: Record, earlier: Iterable[Record]) -> dict[str, Any] | None:
    """Say why a request did not read what an earlier one had cached.

    Parameters
    ----------
    record : Record
        The request.
    earlier : iterable of Record
        The ones before it, the latest first.

    Returns
    -------
    dict or None
        None where nothing was missed. Else ``tokens`` that would have been read; ``request``, the
        number of the one that shares most with it; ``reason``: ``changed``, ``expired``,
        ``concurrent`` or ``lookback``; and for ``changed``, ``tier``, ``block`` and ``what``.
    """
    if record.trace is None or record.usage is None:
        return None
    read = record.usage["cache_read_input_tokens"]
    nearest = _nearest(record.trace, earlier) if read < record.trace.cached() else None
    if nearest is None:
        return None
    other, trace = nearest
    missed = trace.cached() - read
    if missed <= 0:
        return None
    at = _common(record.trace, trace)
    found = {"tokens": missed, "request": other.number}
    if at > trace.marked:
        return {**found, "reason": _unchanged(record, other)}
    return {**found, "reason": "changed", **_difference(record.trace, trace, at)}


def _nearest(trace: Trace, earlier: Iterable[Record]) -> tuple[Record, Trace] | None:
    """Find the request that shares most blocks, then most of what enters the tiers."""
    best, deepest = None, (-1, -1)
    for other in earlier:
        if other.trace is None or other.usage is None or other.trace.marked < 0:
            continue
        alike = sum(a == b for a, b in zip(trace.salts, other.trace.salts, strict=True))
        depth = (_common(trace, other.trace), alike)
        if depth > deepest:
            best, deepest = (other, other.trace), depth
    return best


def _common(one: Trace, two: Trace) -> int:
    """Count the leading blocks that agree; where cumulative digests do, so do all before."""
    low, high = 0, min(len(one.paths), len(two.paths))
    while low < high:
        middle = (low + high + 1) // 2
        part = slice((middle - 1) * DIGEST, middle * DIGEST)
        low, high = (middle, high) if one.chain[part] == two.chain[part] else (low, middle - 1)
    return low


def _unchanged(record: Record, other: Record) -> str:
    assert other.trace is not None
    if record.time < other.time + (other.ttft or 0.0):
        return "concurrent"
    lifetime = 3600 if other.trace.ttl == "1h" else 300
    return "expired" if record.time - other.time >= lifetime else "lookback"


def _difference(one: Trace, two: Trace, at: int) -> dict[str, Any]:
    """Name the first thing that differs: what enters a tier, or a block."""
    path = one.paths[at] if at < len(one.paths) else None
    tier = _tier(path or two.paths[at])
    for entered in range(tier + 2):
        names = [
            n for n in one.salts[entered] if one.salts[entered][n] != two.salts[entered].get(n)
        ]
        names += [name for name in two.salts[entered] if name not in one.salts[entered]]
        if names:
            where = TIERS[max(0, entered - 1)]
            return {"tier": where, "block": None, "what": ", ".join(names)}
    return {"tier": TIERS[tier], "block": path, "what": "content" if path else "missing"}


def _tier(path: str) -> int:
    return TIERS.index(path.partition(".")[0])
