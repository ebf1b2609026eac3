"""What the default rule costs in ordinary lives of a prefix, beside doing nothing and hindsight.

Usage: python benchmarks/lives.py [--days 30] [--read 0.1 0.05] [--life f-30]

Each line is one life: what the provider bills in all (requests, starts and warm calls, in units of
one uncached read of the prefix), as a ratio to doing nothing and to the cheapest rule of `plan` in
hindsight. `allowed` is what the promise allows: 1.05 of doing nothing and a first write a week,
and one read more for each start whose request reads what was warmed for it.
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
WRITE_1H = 2.0
RULES = (
    Policy("never"),
    Policy("never", ttl=3600),
    Policy("ski"),
    Policy("hazard"),
)


@dataclass(frozen=True)
class Life:
    """One prefix's requests, starts and deployments; seconds.

    Attributes
    ----------
    agent_ttl : int
        What its requests' own writes ask for.
    won : bool
        Whether something is to be won in it.
    """

    arrivals: Sequence[float]
    starts: Sequence[float] = ()
    deployments: Sequence[float] = (0.0,)
    agent_ttl: int = 300


def every(seconds: float, days: float, first: float = 600.0) -> list[float]:
    """Requests at a fixed distance, around the clock."""
    count = int((days * DAY - first) // seconds) + 1
    return [first + number * seconds for number in range(max(0, count))]


def by_day(seconds: float, days: float) -> list[float]:
    """Requests at a fixed distance from 8 to 18 h, silent nights."""
    return [at for at in every(seconds, days, 8 * HOUR) if 8 * HOUR <= at % DAY < 18 * HOUR]


def cold(arrivals: Sequence[float]) -> list[float]:
    """A start for each request, a moment before it."""
    return [at - 2.0 for at in arrivals]


def lives(days: float) -> Iterator[tuple[str, Life]]:
    """Every life by its name."""
    lone = every(2 * HOUR, days, first=5 * HOUR)
    yield "a cold starts 2 h apart, agent asks 5m", Life(lone, cold(lone))
    yield "b the same, agent asks 1h", Life(lone, cold(lone), agent_ttl=3600)
    yield "d starts that call no model", Life([], lone)
    for minutes in (20, 30, 45):
        yield f"f every {minutes} min", Life(every(minutes * MINUTE, days))
        yield f"f every {minutes} min from 8 to 18 h", Life(by_day(minutes * MINUTE, days))
    for hours in (5, 26):
        yield f"g every {hours} h", Life(every(hours * HOUR, days, 5 * HOUR))
    yield "h 20 deployments, no traffic", Life([], deployments=every(1.4 * DAY, 28)[:20])
    yield "h 20 deployments in a day", Life([], deployments=every(HOUR, 1)[:20])
    for minutes in (20, 30, 45):
        late = every(minutes * MINUTE, days, first=3 * HOUR)
        yield f"i 3 h before a request every {minutes} min", Life(late)
    busy = every(10 * MINUTE, days)
    yield "j busy, then silence", Life([*busy])


def bill(life: Life, end: float, policy: str | Policy, read: float, **options: object) -> Replay:
    """What it costs under a policy."""
    return replay(
        life.arrivals,
        end,
        policy,
        read=read,
        agent_ttl=life.agent_ttl,
        deployments=life.deployments,
        **options,  # type: ignore[arg-type]
    )


def line(name: str, life: Life, days: float, read: float, observed: bool) -> str:
    end = days * DAY if not name.startswith("j") else 3 * days * DAY
    nothing = replay(life.arrivals, end, "never", read=read, agent_ttl=life.agent_ttl)
    ours = bill(life, end, "auto", read, observed=observed, starts=life.starts, init_per_week=25.0)
    best = min(
        [bill(life, end, rule, read).total for rule in RULES]
        + [
            replay(life.arrivals, end, rule, read=read, deployments=life.deployments).total
            for rule in RULES
        ]
        + [nothing.total]
    )
    weeks = int(end // WEEK) + 1
    reads = read * len(life.starts) if ours.init else 0.0
    allowed = 1.05 * nothing.total + WRITE_1H * weeks + reads
    ratio = ours.total / nothing.total if nothing.total else float("nan")
    hind = ours.total / best if best else float("nan")
    bad = "" if ours.total <= allowed + 1e-6 else "  ABOVE"
    won = best < 0.9 * nothing.total
    if won and hind > 1.15:
        bad += "  HINDSIGHT"
    return (
        f"{name:44}{read:6}{nothing.total:9.1f}{ours.total:9.1f}{best:9.1f}{ratio:8.3f}{hind:8.3f}"
        f"{ours.pings:7}{ours.init:8.1f}{ours.deployment:6.1f}{bad}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--read", nargs="+", type=float, default=[0.1, 0.05])
    parser.add_argument("--life", default="")
    parser.add_argument("--unobserved", action="store_true")
    options = parser.parse_args()
    print(
        f"{'life':44}{'read':>6}{'nothing':>9}{'auto':>9}{'best':>9}{'/noth':>8}{'/best':>8}{'pings':>7}{'init':>8}{'depl':>6}"
    )
    for name, life in lives(options.days):
        if name.startswith(options.life):
            for read in options.read:
                print(line(name, life, options.days, read, not options.unobserved), flush=True)


if __name__ == "__main__":
    main()
