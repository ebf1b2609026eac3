"""Explains why a request did not read what an earlier request had cached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.parameters import TIERS
from prefixwarm.life import TTL_SECONDS
from prefixwarm.simulator.cache_keys import DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.simulator.key_trace import Trace
    from prefixwarm.simulator.request_log import Record


def explain(record: Record, earlier: Iterable[Record]) -> dict[str, Any] | None:
    """Return why a request did not read what an earlier request had cached.

    Parameters
    ----------
    record : Record
        The request.
    earlier : iterable of Record
        Earlier requests, latest first.

    Returns
    -------
    dict or None
        None if nothing was missed. Otherwise ``tokens`` that could have been read; ``request``, the
        number of the request that shares most with it; ``reason``: ``changed``, ``expired``,
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
    miss = {"tokens": missed, "request": other.number}
    if at > trace.marked:
        return {**miss, "reason": _unchanged(record, other)}
    return {**miss, "reason": "changed", **_difference(record.trace, trace, at)}


def _nearest(trace: Trace, earlier: Iterable[Record]) -> tuple[Record, Trace] | None:
    """Return the request that shares most blocks, then most salts."""
    best, deepest = None, (-1, -1)
    for candidate in earlier:
        if candidate.trace is None or candidate.usage is None or candidate.trace.marked < 0:
            continue
        equal_salts = sum(a == b for a, b in zip(trace.salts, candidate.trace.salts, strict=True))
        depth = (_common(trace, candidate.trace), equal_salts)
        if depth > deepest:
            best, deepest = (candidate, candidate.trace), depth
    return best


def _common(one: Trace, two: Trace) -> int:
    """Count the leading equal blocks; if cumulative digests agree, so do all before."""
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
    expired = record.time - other.time >= TTL_SECONDS[other.trace.ttl]
    return "expired" if expired else "lookback"


def _difference(one: Trace, two: Trace, at: int) -> dict[str, Any]:
    """Name the first difference: a tier's salt, or a block."""
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
