"""Lives of 30 days that no constant of a rule was chosen by: other arrivals than `life_search`'s.

Poisson processes with a request every 10 to 56 minutes, and every 1 to 12 hours; the same by a
daily curve, and in office hours; on and off; lognormal and Weibull gaps; and a few fixed times a
day. A third is deployed every day, every third day, or every week.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from lives import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
END = 30 * DAY
MOST = 1500


def _poisson(chance: random.Random, mean: float) -> Iterator[float]:
    at = 0.0
    while (at := at + chance.expovariate(1 / mean)) < END:
        yield at


def _often(chance: random.Random) -> Iterator[float]:
    return _poisson(chance, MINUTE * 10 ** chance.uniform(1, 1.75))


def _rare(chance: random.Random) -> Iterator[float]:
    return _poisson(chance, HOUR * 10 ** chance.uniform(0, 1.1))


def _daily_curve(chance: random.Random) -> Iterator[float]:
    peak, power = chance.uniform(0, 24), chance.choice([1, 2, 4])
    for at in _poisson(chance, MINUTE * 10 ** chance.uniform(0.8, 1.8)):
        if chance.random() < (0.5 + 0.5 * math.cos((at / HOUR - peak) * math.pi / 12)) ** power:
            yield at


def _office(chance: random.Random) -> Iterator[float]:
    opens, days = chance.uniform(6, 10), chance.choice([5, 5, 7])
    closes, first = opens + chance.uniform(4, 12), chance.randrange(7)
    for at in _poisson(chance, MINUTE * 10 ** chance.uniform(0.7, 1.8)):
        if opens <= at / HOUR % 24 < closes and (at // DAY + first) % 7 < days:
            yield at


def _on_and_off(chance: random.Random) -> Iterator[float]:
    on, off = HOUR * 10 ** chance.uniform(-0.5, 0.7), HOUR * 10 ** chance.uniform(0.2, 1.4)
    gap, at = MINUTE * 10 ** chance.uniform(0.2, 1.2), 0.0
    while at < END:
        until = at + chance.expovariate(1 / on)
        while at < min(until, END):
            yield at
            at += chance.expovariate(1 / gap)
        at = until + chance.expovariate(1 / off)


def _lognormal(chance: random.Random) -> Iterator[float]:
    middle, spread = math.log(MINUTE * 10 ** chance.uniform(0.8, 2.4)), chance.uniform(0.4, 2)
    at = 0.0
    while (at := at + min(chance.lognormvariate(middle, spread), 5 * DAY)) < END:
        yield at


def _weibull(chance: random.Random) -> Iterator[float]:
    scale, shape = MINUTE * 10 ** chance.uniform(0.8, 2.4), chance.uniform(0.4, 3)
    at = 0.0
    while (at := at + chance.weibullvariate(scale, shape)) < END:
        yield at


def _at_fixed_times(chance: random.Random) -> Iterator[float]:
    hours = sorted(chance.uniform(0, 24) for _ in range(chance.randrange(1, 9)))
    shake, days = chance.uniform(0, 20) * MINUTE, chance.choice([5, 7, 7])
    for day in range(30):
        for hour in hours if day % 7 < days else ():
            at = day * DAY + hour * HOUR + chance.uniform(0, shake)
            for _ in range(chance.choice([1, 1, 3])):
                yield at
                at += chance.expovariate(1 / 90)


KINDS: tuple[Callable[[random.Random], Iterator[float]], ...] = (
    *(_often, _rare, _daily_curve, _office, _on_and_off, _lognormal, _weibull, _at_fixed_times),
)


def held_out(seed: int) -> tuple[Life, float]:
    """A life and the price of a read, always the same for a seed."""
    chance, kind = random.Random(f"held out {seed}"), KINDS[seed % len(KINDS)]
    arrivals = sorted(at for at in kind(chance) if at < END)[:MOST]
    days = 30.0 if len(arrivals) < MOST else max(7.0, min(30.0, arrivals[-1] / DAY + 0.01))
    share = chance.choice([0.0, 0.0, 0.5, 1.0])
    starts = [at - 2 for at in arrivals if at > 2 and chance.random() < share]
    if chance.random() < 0.25:
        starts += _poisson(chance, 6 * HOUR)
    deployments = [0.0]
    if chance.random() < 0.3:
        deployments += [day * DAY + 15 * HOUR for day in range(0, 30, chance.choice([1, 3, 7]))]
    end = days * DAY
    life = Life(
        f"{seed}: {kind.__name__.strip('_').replace('_', ' ')}",
        days,
        arrivals,
        sorted(at for at in starts if at < end),
        [at for at in deployments if at < end],
        chance.choice([300, 300, 3600]),
    )
    return life, chance.choice([0.025, 0.05, 0.1, 0.1])
