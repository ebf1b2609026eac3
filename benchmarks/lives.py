"""What the default rule costs in ordinary lives of a prefix, beside doing nothing and hindsight.

Usage: python benchmarks/lives.py [--days 30] [--read 0.1 0.05] [--life f] [--unobserved]

A line is one life of one prefix: all that the provider bills (requests, starts and warm calls) in
units of one uncached read of the prefix. ``allowed`` is what is promised: 1.05 of doing nothing, a
first write a week, and one read more for each start that was warmed; where the agent is not
observed, what starts may spend a week takes the place of these reads. ``best`` is the cheapest
other rule in hindsight, whichever TTL its requests ask for. A life in which at least a tenth of the
bill is to be won is marked where more than 1.15 of ``best`` was paid; any, where more than
``allowed``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.policy import Policy, Replay, replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
WEEK = 7 * DAY
WRITE_5M, WRITE_1H = 1.25, 2.0
# $1 for a prefix of 10,000 tokens on a model of $4 a million.
INIT_PER_WEEK = 25.0
RULES = (Policy("never"), Policy("never", ttl=3600), Policy("ski"), Policy("hazard"))
HEAD = f"{'life':40}{'read':>6}{'nothing':>9}{'auto':>8}{'allowed':>9}{'best':>8}{'/nothing':>9}"


@dataclass(frozen=True)
class Life:
    """One prefix's requests, starts and deployments; seconds.

    Attributes
    ----------
    agent_ttl : int
        What its requests' own writes ask for.
    days : float
        How long it lasts.
    """

    name: str
    days: float
    arrivals: Sequence[float]
    starts: Sequence[float] = ()
    deployments: Sequence[float] = (0.0,)
    agent_ttl: int = 300

    @property
    def end(self) -> float:
        """Its end, seconds."""
        return self.days * DAY


def every(seconds: float, days: float, first: float = 600.0) -> list[float]:
    """Moments at a fixed distance, around the clock."""
    return [first + number * seconds for number in range(int((days * DAY - first) // seconds) + 1)]


def by_day(seconds: float, days: float) -> list[float]:
    """Requests at a fixed distance from 8 to 18 h; silent nights."""
    return [at for at in every(seconds, days, 8 * HOUR) if 8 * HOUR <= at % DAY < 18 * HOUR]


def lives(days: float) -> Iterator[Life]:
    """Every life."""
    lone = every(2 * HOUR, days, 5 * HOUR)
    starts = [at - 2 for at in lone]
    yield Life("a cold starts 2 h apart, agent asks 5m", days, lone, starts)
    yield Life("b the same, agent asks 1h", days, lone, starts, agent_ttl=3600)
    rare = every(26 * HOUR, days, 5 * HOUR)
    yield Life("b cold starts 26 h apart", days, rare, [at - 2 for at in rare])
    yield Life("c one of five prefixes: never used", days, [])
    yield Life("d starts that call no model", days, [], lone)
    yield Life("e environments recycled, no traffic", days, [], every(2 * HOUR, days, HOUR))
    for minutes in (20, 30, 45):
        around = every(minutes * MINUTE, days)
        yield Life(f"f every {minutes} min", days, around)
        yield Life(f"f every {minutes} min, 8 to 18 h", days, by_day(minutes * MINUTE, days))
    for hours in (5, 26):
        yield Life(f"g every {hours} h", days, every(hours * HOUR, days, 5 * HOUR))
    deployments = every(days / 20 * DAY, days, 0.0)[:20]
    yield Life("h 20 deployments, no traffic", days, [], deployments=deployments)
    for minutes in (20, 30, 45):
        late = every(minutes * MINUTE, days, 3 * HOUR)
        yield Life(f"i deployed 3 h before every {minutes} min", days, late)
    yield Life("j busy, then as long silent", 2 * days, every(10 * MINUTE, days))


def cheapest(life: Life, read: float, *, as_asked: bool = False) -> float:
    """The bill of the best other rule, whether requests ask for what it wants or not.

    With `as_asked` they ask for what they ask for, as they do beside the default rule.
    """
    return min(
        replay(
            life.arrivals,
            life.end,
            rule,
            read=read,
            agent_ttl=agent_ttl,
            deployments=life.deployments,
        ).total
        for rule in RULES
        for agent_ttl in ((life.agent_ttl,) if as_asked else (None, life.agent_ttl))
    )


def allowed(life: Life, ours: Replay, nothing: float, read: float, *, observed: bool) -> float:
    """What is promised."""
    weeks = life.end // WEEK + 1
    if not observed:
        # Requests that nobody observes are taken for such as ask for 5 minutes.
        return 1.05 * nothing + (WRITE_1H + INIT_PER_WEEK) * weeks + WRITE_1H
    warmed = len(life.starts) if ours.init else 0
    # The first start of all goes before anybody has said that the agent is observed, and the first
    # write of the next week may be brought forward where requests ask for 5 minutes.
    unknown = WRITE_5M if ours.init else 0.0
    ahead = WRITE_1H if life.agent_ttl < 3600 else 0.0
    return 1.05 * nothing + WRITE_1H * weeks + unknown + ahead + read * warmed


def line(life: Life, read: float, *, observed: bool) -> str:
    """One line of the table."""
    nothing = replay(
        life.arrivals,
        life.end,
        "never",
        read=read,
        agent_ttl=life.agent_ttl,
        deployments=life.deployments,
    ).total
    ours = replay(
        life.arrivals,
        life.end,
        "auto",
        read=read,
        agent_ttl=life.agent_ttl,
        observed=observed,
        deployments=life.deployments,
        init_starts=life.starts,
        init_per_week=INIT_PER_WEEK,
    )
    best, most = cheapest(life, read), allowed(life, ours, nothing, read, observed=observed)
    marks = ["above what is allowed"] if ours.total > most + 1e-6 else []
    if observed and best < 0.9 * nothing and ours.total > 1.15 * best:
        marks.append("far from the best")
    ratios = [f"{ours.total / other:.3f}" if other else "-" for other in (nothing, best)]
    return (
        f"{life.name:40}{read:6}{nothing:9.1f}{ours.total:8.1f}{most:9.1f}{best:8.1f}"
        f"{ratios[0]:>9}{ratios[1]:>7}{ours.pings:7}{ours.deployment:8.2f}{ours.init:7.1f}"
        f"  {', '.join(marks)}"
    )


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--read", nargs="+", type=float, default=[0.1, 0.05])
    parser.add_argument("--life", default="", help="only those whose names begin so")
    parser.add_argument("--unobserved", action="store_true", help="requests are only counted")
    options = parser.parse_args()
    print(f"{HEAD}{'/best':>7}{'calls':>7}{'deploy':>8}{'starts':>7}")
    for life in lives(options.days):
        if life.name.startswith(options.life):
            for read in options.read:
                print(line(life, read, observed=not options.unobserved), flush=True)


if __name__ == "__main__":
    main()
