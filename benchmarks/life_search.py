"""Searches lives of a prefix in which the default rule costs more than is promised.

Usage: python benchmarks/life_search.py [--lives 500] [--seed 0] [--held-out] [--unobserved]

Each life is drawn at random: requests by one of eight kinds of traffic, some of which end; starts
before some requests and at other times; deployments; what the agent asks for, and what a read
costs. With ``--held-out`` its arrivals are of `held_out_lives`. Printed are the worst lives, by
what is left of the promise, and the worst of those in which something is to be won, beside the best
other rule in hindsight, whether its requests ask for what it wants or as they do; of those of 30
days also what the first week has cost and what the rest, and how far they are from the cheapest
fixed number of refreshes in hindsight, for what their requests ask for and without any allowance.
The exit status is 1 where the promise is broken.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from held_out_lives import held_out
from lives import WRITE_1H, WRITE_5M, Life, allowed, cheapest

from prefixwarm.policy import replay
from prefixwarm.policy.rules import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
READS = (0.025, 0.05, 0.1)
LIMITS = (0, 1, 2, 3, 5, 8, 12, 16, 19, 24, 31, 44, 80, 120)


@dataclass(frozen=True)
class Result:
    """One life's bills, in units of one uncached read of the prefix."""

    life: Life
    read: float
    nothing: float
    paid: float
    allowed: float
    best: float
    as_asked: float
    week: Result | None = None

    @property
    def winnable(self) -> bool:
        """Whether at least a tenth of a bill of some size is to be won."""
        return self.best < 0.9 * self.nothing and self.nothing > 20

    @property
    def fixed(self) -> float:
        """The cheapest fixed number of refreshes in hindsight, for what its requests ask for."""
        return min(self.nothing, *(_with_limit(self.life, self.read, most) for most in LIMITS))

    @property
    def left(self) -> float:
        """What is left of the promise; below 0 where it is broken."""
        return self.allowed - self.paid


def _poisson(chance: random.Random, end: float) -> Iterator[float]:
    mean, at = 10 ** chance.uniform(1.5, 5.5), 0.0
    while (at := at + chance.expovariate(1 / mean)) < end:
        yield at


def _periodic(chance: random.Random, end: float) -> Iterator[float]:
    every, at = 10 ** chance.uniform(1.5, 5.2), chance.uniform(0, DAY)
    shake = chance.choice([0.0, 0.02, 0.3])
    while at < end:
        yield at
        at += every * chance.uniform(1 - shake, 1 + shake)


def _by_day(chance: random.Random, end: float) -> Iterator[float]:
    opens, closes = sorted(chance.sample(range(25), 2))
    days = chance.choice([5, 7])
    for at in _periodic(chance, end):
        if opens * HOUR <= at % DAY < closes * HOUR and at // DAY % 7 < days:
            yield at


def _bursts(chance: random.Random, end: float) -> Iterator[float]:
    for at in _periodic(chance, end):
        for _ in range(chance.randrange(1, 12)):
            yield at
            at += chance.expovariate(1 / chance.choice([20, 240, 1500]))


def _heavy_tails(chance: random.Random, end: float) -> Iterator[float]:
    shape, at = chance.uniform(0.4, 2.0), 0.0
    while (at := at + 60 * chance.paretovariate(shape)) < end:
        yield at


def _near_the_end_of_life(chance: random.Random, end: float) -> Iterator[float]:
    at = chance.uniform(0, DAY)
    while at < end:
        yield at
        life = chance.choice([300, 3600, 3480, 7200])
        at += life + chance.uniform(-90, 90)


def _adversary(chance: random.Random, end: float) -> Iterator[float]:
    """Regular until it pays to rely on it, then silent."""
    at = 0.0
    while at < end:
        every = chance.choice([600, 1800, 3000, 7200, 20_000])
        for _ in range(chance.randrange(2, 60)):
            yield at
            at += every
        at += chance.choice([1, 3, 10]) * DAY


def _none(chance: random.Random, end: float) -> Iterator[float]:
    del chance, end
    return iter(())


KINDS: tuple[Callable[[random.Random, float], Iterator[float]], ...] = (
    *(_poisson, _periodic, _by_day, _bursts, _heavy_tails, _near_the_end_of_life, _adversary),
    _none,
)


def drawn(seed: int, most: int = 4000) -> tuple[Life, float]:
    """A life and the price of a read, always the same for a seed; `most` requests at most."""
    chance = random.Random(seed)
    days = chance.choice([2.0, 8.0, 30.0])
    end, kind = days * DAY, chance.choice(KINDS)
    stops = end * chance.choice([1, 1, 0.5, 0.1])
    arrivals = sorted(at for at in kind(chance, stops) if at < end)[:most]
    share = chance.choice([0.0, 0.3, 1.0])
    starts = [at - 2 for at in arrivals if at > 2 and chance.random() < share]
    if chance.random() < 0.4:
        starts += list(_periodic(chance, end))[:most]
    deployments = [0.0]
    if chance.random() < 0.4:
        deployments += list(_periodic(chance, end))[:200]
    name = f"{seed}: {kind.__name__.strip('_').replace('_', ' ')}"
    agent_ttl = chance.choice([300, 300, 3600])
    life = Life(name, days, arrivals, sorted(starts), sorted(deployments), agent_ttl)
    return life, chance.choice(READS)


def result_of(life: Life, read: float, *, observed: bool = True) -> Result:
    """What a life costs under the default rule, and what it may."""
    options = {"read": read, "agent_ttl": life.agent_ttl, "deployments": life.deployments}
    nothing = replay(life.arrivals, life.end, "never", **options).total
    ours = replay(
        life.arrivals,
        life.end,
        "auto",
        observed=observed,
        init_starts=life.starts,
        init_per_week=25.0,
        **options,
    )
    most = allowed(life, ours, nothing, read, observed=observed)
    as_asked = cheapest(life, read, as_asked=True)
    return Result(life, read, nothing, ours.total, most, cheapest(life, read), as_asked)


def _with_limit(life: Life, read: float, most: int) -> float:
    """An hour that is bought whenever it has lapsed, with so many refreshes in a silence at most.

    Where requests ask for 5 minutes it costs a write of its own, behind the request's. Deployments
    and starts are left out.
    """
    write = WRITE_1H + (WRITE_5M if life.agent_ttl < HOUR else 0.0)
    total = write
    for before, at in pairwise([*life.arrivals, life.end]):
        gap = Gap(at - before)
        total += min(gap.due, most) * read if gap.needed else 0.0
        if at < life.end:
            total += read if gap.needed <= most else write
    return total


def first_week(result: Result) -> Result | None:
    """The same for the first week of a life of 30 days; None for another."""
    life = result.life
    if life.days < 30:
        return None
    arrivals, starts, deployments = (
        [at for at in moments if at < 7 * DAY]
        for moments in (life.arrivals, life.starts, life.deployments)
    )
    week = replace(life, days=7.0, arrivals=arrivals, starts=starts, deployments=deployments)
    return result_of(week, result.read)


def show_weeks(results: list[Result]) -> None:
    """How much of what was paid above the best rule is of the first week."""
    long = [replace(one, week=first_week(one)) for one in results if one.life.days == 30]
    weeks = [one.week for one in long if one.week]
    if not weeks:
        return
    first = [week.paid - week.best for week in weeks]
    print(
        f"{len(long)} of 30 days, in the first week {sum(w.paid for w in weeks):.0f} beside "
        f"{sum(w.best for w in weeks):.0f} (median excess {sorted(first)[len(first) // 2]:.1f}), "
        f"after it {_ratio(long, weeks):.3f} of the best; "
        f"{sum(_ratio([one], [w]) > 1.15 for one, w in zip(long, weeks, strict=True))} above 1.15"
    )
    alone = [one for one in long if len(one.life.deployments) == 1]
    far = sum(one.paid > 1.15 * one.fixed for one in alone)
    ratio = sum(one.paid for one in alone) / sum(one.fixed for one in alone)
    print(
        f"{len(alone)} of them with one deployment: {ratio:.3f} of the cheapest fixed number of "
        f"refreshes, {far} above 1.15"
    )


def _ratio(long: list[Result], weeks: list[Result]) -> float:
    """What was paid after the first week, as a share of the best rule's."""
    paid = sum(one.paid for one in long) - sum(week.paid for week in weeks)
    best = sum(one.best for one in long) - sum(week.best for week in weeks)
    return paid / best if best > 0 else 1.0


def show(results: list[Result]) -> None:
    """A table."""
    print(f"{'life':34}{'days':>5}{'asks':>6}{'read':>7}{'nothing':>9}{'auto':>9}", end="")
    print(f"{'allowed':>9}{'best':>9}{'/best':>7}")
    for one in results:
        life = one.life
        ratio = f"{one.paid / one.best:7.2f}" if one.best else f"{'-':>7}"
        print(
            f"{life.name:34}{life.days:5.0f}{life.agent_ttl:6}{one.read:7}{one.nothing:9.2f}"
            f"{one.paid:9.2f}{one.allowed:9.2f}{one.best:9.2f}{ratio}"
        )


def main() -> None:
    """Draw, and print the worst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lives", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="with other arrivals")
    parser.add_argument("--unobserved", action="store_true", help="requests are only counted")
    options = parser.parse_args()
    draw = held_out if options.held_out else drawn
    seeds = range(options.seed, options.seed + options.lives)
    results = [result_of(*draw(seed), observed=not options.unobserved) for seed in seeds]
    broken = sum(one.left < -1e-6 for one in results)
    print(f"{len(results)} lives, {broken} in which more was paid than is allowed; the closest:")
    show(sorted(results, key=lambda one: one.left)[:10])
    winnable = [one for one in results if one.winnable]
    far = sum(one.paid > 1.15 * one.best for one in winnable)
    print(f"\n{len(winnable)} in which something is to be won, {far} above 1.15 of the best:")
    show(sorted(winnable, key=lambda one: -one.paid / one.best)[:15])
    total = sum(one.paid for one in winnable), sum(one.best for one in winnable)
    if winnable:
        print(f"all of these: {total[0] / total[1]:.3f} of the best")
        asked = sum(one.as_asked for one in winnable)
        far = sum(one.paid > 1.15 * one.as_asked for one in winnable)
        print(f"of the best that asks as they do: {total[0] / asked:.3f}, {far} above 1.15")
    if not options.unobserved:
        show_weeks(winnable)
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
