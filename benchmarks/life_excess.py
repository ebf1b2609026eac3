"""What the default rule pays above the cheapest rule in hindsight, part by part.

Usage: python benchmarks/life_excess.py [--lives 96] [--seed 1000] [--drawn]

Of the lives of `held_out_lives` (with ``--drawn`` of `life_search`) in which something is to be
won, those above 1.15 of the cheapest rule. Their excess is the sum of

``asks``
    what the cheapest rule saves by choosing the TTL that the requests ask for; no rule can do that
    beside an agent that asks for another one,
``starts``
    what starts send; the cheapest rule has none,
``account``
    what an account without a limit would have saved: what it costs to lose no more than promised,
``rest``
    learning that an hour pays, the write at deployment, and decisions that turned out wrong.

Of what is above the cheapest rule, ``week`` is the first week's, in lives of 30 days.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from unittest.mock import patch

from held_out_lives import held_out
from life_search import Result, drawn, first_week, result_of

from prefixwarm.policy import replay
from prefixwarm.policy.account import Account

if TYPE_CHECKING:
    from lives import Life

__all__ = ["parts"]

# More than any life costs.
UNLIMITED = 1e6
PARTS = ("asks", "starts", "account", "rest", "week")


def without_starts(life: Life, read: float) -> float:
    """The default rule's bill in units of one uncached read, if no start sends anything."""
    options = {"agent_ttl": life.agent_ttl, "deployments": life.deployments}
    return replay(life.arrivals, life.end, "auto", read=read, **options).total


def parts(result: Result) -> dict[str, float]:
    """The parts of a life's excess, by name; units."""
    life, read = result.life, result.read
    alone = without_starts(life, read)
    with patch.object(Account, "allowance", lambda _account, _view: UNLIMITED):
        unlimited = without_starts(life, read)
    as_asked = min(unlimited, result.as_asked)
    week = first_week(result)
    return {
        "asks": as_asked - result.best,
        "starts": result.paid - alone,
        "account": alone - unlimited,
        "rest": unlimited - as_asked,
        "week": week.paid - week.best if week else 0.0,
    }


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lives", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--drawn", action="store_true", help="lives as life_search draws them")
    options = parser.parse_args()
    draw = drawn if options.drawn else held_out
    print(f"{'life':30}{'asks':>6}{'read':>7}{'auto':>8}{'best':>8}{'/best':>7}", end="")
    print("".join(f"{name:>9}" for name in PARTS))
    totals = dict.fromkeys(PARTS, 0.0)
    for seed in range(options.seed, options.seed + options.lives):
        one = result_of(*draw(seed))
        if not one.winnable or one.paid <= 1.15 * one.best:
            continue
        excess = parts(one)
        totals = {name: totals[name] + excess[name] for name in PARTS}
        print(
            f"{one.life.name:30}{one.life.agent_ttl:6}{one.read:7}{one.paid:8.1f}{one.best:8.1f}"
            f"{one.paid / one.best:7.2f}" + "".join(f"{excess[name]:9.1f}" for name in PARTS),
            flush=True,
        )
    print(f"{'all of these':66}" + "".join(f"{totals[name]:9.1f}" for name in PARTS))


if __name__ == "__main__":
    main()
