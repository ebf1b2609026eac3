"""Every policy's excess cost on real arrivals, as a ratio to the clairvoyant bound.

Usage: python benchmarks/policy.py [--read 0.1] [--latency 0 2] [--set git-commits] [--series]
       python benchmarks/policy.py [--only-5m] [--rule auto hazard]

``one left out`` is the least and the largest excess of the set without one of its series.
The last line of a table compares pings at 100 % hits: 1 hour entries refreshed only when nobody
else did, against 5 minute entries pinged every four minutes round the clock, whatever the traffic.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.policy import Decision, Policy, Replay, View, optimum, replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy import Decider

TRACES = Path(__file__).parent / "traces"
FORBIDDEN = 1e6
SETS = ("git-commits", "mooncake-prefixes", "azure-llm-2023-thinned", "synthetic")
RULES = ("never", "always", "ski", "hazard", "auto")


class Blind:
    """Four-minute pings by the clock, with no eye for traffic."""

    every = 240

    def decide(self, view: View) -> Decision:
        """Ping, and again at the next fourth minute."""
        following = (view.now // self.every + 1) * self.every
        return Decision("refresh", following, 300, "every four minutes")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Nothing to learn."""
        del arrivals
        return view.learned


@dataclass(frozen=True)
class Series:
    """One prefix's requests."""

    name: str
    end: float
    arrivals: list[float]


def load(name: str) -> list[Series]:
    """Read one set of `benchmarks/traces`."""
    with gzip.open(TRACES / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Series(row["series"], row["end"], row["arrivals"]) for row in rows]


def ratio(spent: list[Replay], bound: list[Replay]) -> float:
    """Excess of a set over the bound's."""
    least = sum(one.excess for one in bound)
    return sum(one.excess for one in spent) / least if least else math.nan


def one_left_out(spent: list[Replay], bound: list[Replay]) -> str:
    """The least and the largest ratio of the set without one of its series."""
    without = [
        ratio(spent[:n] + spent[n + 1 :], bound[:n] + bound[n + 1 :]) for n in range(len(spent))
    ]
    return f"{min(without):.2f} to {max(without):.2f}"


def hits(spent: list[Replay]) -> float:
    """Share of session starts that hit."""
    starts = sum(one.starts for one in spent)
    return sum(one.start_hits for one in spent) / starts if starts else math.nan


def contenders(*, only_5m: bool) -> dict[str, Policy | Decider]:
    """Every rule; with 5 minute entries alone, or beside pings by the clock."""
    if only_5m:
        return {rule: Policy(rule, ttl=300) for rule in RULES}
    return {"blind 4-minute": Blind(), **{rule: Policy(rule) for rule in RULES}}


def report(
    name: str, options: dict[str, Any], rules: Sequence[str], *, by_series: bool, only_5m: bool
) -> None:
    """Print one set's table."""
    series = load(name)
    days = sum(one.end for one in series) / 86400
    limits = {**options, "write_1h": FORBIDDEN} if only_5m else options
    bound = [optimum(one.arrivals, one.end, **limits) for one in series]
    accounts: dict[str, list[Replay]] = {}
    terms = ", ".join(f"{key} {value}" for key, value in options.items())
    print(f"\n{name}, {terms}: {len(series)} series, {days:.0f} days")
    print(f"{'policy':16}{'excess':>8}{'hits':>8}{'pings/day':>11}{'worst series':>14}", end="")
    print(f"{'one left out':>16}")
    chosen = {k: p for k, p in contenders(only_5m=only_5m).items() if not rules or k in rules}
    for label, policy in chosen.items():
        accounts[label] = spent = [
            replay(one.arrivals, one.end, policy, **options) for one in series
        ]
        ratios = [ratio([s], [b]) for s, b in zip(spent, bound, strict=True)]
        pings = sum(one.pings for one in spent) / days
        worst = max(value for value in ratios if not math.isnan(value))
        line = f"{label:16}{ratio(spent, bound):8.3f}{hits(spent):8.1%}{pings:11.1f}{worst:14.2f}"
        print(f"{line}{one_left_out(spent, bound):>16}", flush=True)
        if by_series:
            for one, value in zip(series, ratios, strict=True):
                print(f"    {one.name:36}{value:8.3f}")
    if not only_5m and not rules:
        saved = 1 - ratio(accounts["always"], accounts["blind 4-minute"])
        print(f"always is {saved:.1%} cheaper than blind 4-minute")


def main() -> None:
    """Read the options and print a table per set, read price and latency value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--read", nargs="+", type=float, default=[0.1])
    parser.add_argument("--latency", nargs="+", type=float, default=[0.0, 2.0])
    parser.add_argument("--only-5m", action="store_true", help="as if 1 hour were not granted")
    parser.add_argument("--rule", nargs="+", choices=RULES, default=[], help="only these")
    parser.add_argument("--series", action="store_true", help="print each series, too")
    options = parser.parse_args()
    for name in options.set:
        for read in options.read:
            for latency in options.latency:
                terms = {"read": read, "latency": latency}
                report(
                    name,
                    terms,
                    options.rule,
                    by_series=options.series,
                    only_5m=options.only_5m,
                )


if __name__ == "__main__":
    main()
