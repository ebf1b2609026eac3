"""The lower bound: the least any policy could have cost, knowing all arrivals."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.account import SESSION_GAP
from prefixwarm.policy.evaluate import Replay, check_arrivals

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Costs(NamedTuple):
    """The prices of a replay."""

    writes: dict[int, float]
    read: float
    latency: float
    tick: float


class _Path(NamedTuple):
    """The cheapest way to a live entry with one TTL; compared by cost, the first field."""

    total: float
    pings: int = 0
    misses: int = 0
    start_hits: int = 0

    def then(self, cost: float, *, pings: int = 0, miss: bool = False, start: bool) -> _Path:
        hit = start and not miss
        return _Path(
            self.total + cost, self.pings + pings, self.misses + miss, self.start_hits + hit
        )


def optimum(
    arrivals: Sequence[float],
    end: float,
    *,
    read: float = 0.1,
    write_5m: float = 1.25,
    write_1h: float = 2.0,
    latency: float = 0.0,
    tick: float = 60,
) -> Replay:
    """Compute the cheapest schedule of warm calls and TTLs in hindsight.

    Parameters and errors are those of `replay`. Among schedules with equal cost, any one is
    returned.

    Notes
    -----
    A dynamic programme over the gaps, whose two states are the TTLs of the live entry. In a gap
    the entry survives, or is kept alive with the fewest refreshes, or expires and is written
    again, with either TTL, by the request or by a warm call on the last tick before it.
    """
    check_arrivals(arrivals, end)
    if not arrivals:
        return Replay(0.0, 0.0, 0, 0, 0, 0)
    costs = _Costs({TTL_5M: write_5m, TTL_1H: write_1h}, read, latency, tick)
    best = {ttl: _Path(write + latency, misses=1) for ttl, write in costs.writes.items()}
    starts = 0
    for before, at in pairwise(arrivals):
        starts += at - before > SESSION_GAP
        ways = [way for ttl, path in best.items() for way in _ways(path, ttl, before, at, costs)]
        best = {
            ttl: min(path for living, path in ways if living == ttl)
            for ttl in {living for living, _ in ways}
        }
    total, pings, misses, start_hits = min(best.values())
    return Replay(total, total - read * len(arrivals), pings, misses, starts, start_hits)


def _ways(
    path: _Path, ttl: int, before: float, at: float, costs: _Costs
) -> list[tuple[int, _Path]]:
    """All ways worth considering from one request to the next, with the resulting TTL."""
    start = at - before > SESSION_GAP
    if at < before + ttl:
        return [(ttl, path.then(costs.read, start=start))]
    ways = []
    refreshes = _refreshes(before, at, ttl, costs.tick)
    if refreshes is not None:
        cost = costs.read * (refreshes + 1)
        ways.append((ttl, path.then(cost, pings=refreshes, start=start)))
    last_tick = (math.ceil(at / costs.tick) - 1) * costs.tick
    for wanted, write in costs.writes.items():
        ways.append((wanted, path.then(write + costs.latency, miss=True, start=start)))
        if before + ttl <= last_tick and at < last_tick + wanted:
            ways.append((wanted, path.then(write + costs.read, pings=1, start=start)))
    return ways


def _refreshes(before: float, at: float, ttl: int, tick: float) -> int | None:
    """The fewest warm calls that keep an entry alive through a gap; None if ticks are too rare."""
    first = (math.ceil((before + ttl) / tick) - 1) * tick
    step = (math.ceil(ttl / tick) - 1) * tick
    rest = at - (first + ttl)
    if first <= before or (rest >= 0 and step <= 0):
        return None
    return 1 if rest < 0 else 2 + math.floor(rest / step)
