"""Every policy's excess cost on real arrivals, as a ratio to the clairvoyant bound.

Usage: python benchmarks/policy.py [--read 0.1] [--latency 0 2] [--set git-commits] [--series]
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path

from prefixwarm.policy import Policy, Replay, optimum, replay

TRACES = Path(__file__).parent / "traces"
SETS = ("git-commits", "mooncake-prefixes", "azure-llm-2023-thinned", "synthetic")
POLICIES = {
    "never": Policy("never"),
    "4-minute pings": Policy("always", ttl=300, interval=240),
    "always": Policy("always"),
    "ski": Policy("ski"),
    "hazard": Policy("hazard"),
    "auto": Policy("auto"),
}


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
    least = sum(each.excess for each in bound)
    return sum(each.excess for each in spent) / least if least else math.nan


def hits(spent: list[Replay]) -> float:
    """Share of session starts that hit."""
    starts = sum(each.starts for each in spent)
    return sum(each.start_hits for each in spent) / starts if starts else math.nan


def report(name: str, read: float, latency: float, *, each: bool) -> None:
    """Print one set's table."""
    series = load(name)
    days = sum(one.end for one in series) / 86400
    options = {"read": read, "latency": latency}
    bound = [optimum(one.arrivals, one.end, **options) for one in series]
    print(f"\n{name}, read {read}, latency {latency}: {len(series)} series, {days:.0f} days")
    print(f"{'policy':16}{'excess':>8}{'hits':>8}{'pings/day':>11}{'worst series':>14}")
    for label, policy in POLICIES.items():
        spent = [replay(one.arrivals, one.end, policy, **options) for one in series]
        ratios = [ratio([s], [b]) for s, b in zip(spent, bound, strict=True)]
        pings = sum(one.pings for one in spent) / days
        worst = max(value for value in ratios if not math.isnan(value))
        line = f"{label:16}{ratio(spent, bound):8.3f}{hits(spent):8.1%}{pings:11.1f}{worst:14.2f}"
        print(line, flush=True)
        if each:
            for one, value in zip(series, ratios, strict=True):
                print(f"    {one.name:36}{value:8.3f}")


def main() -> None:
    """Read the options and print a table per set, read price and latency value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--read", nargs="+", type=float, default=[0.1])
    parser.add_argument("--latency", nargs="+", type=float, default=[0.0, 2.0])
    parser.add_argument("--series", action="store_true", help="print each series, too")
    options = parser.parse_args()
    for name in options.set:
        for read in options.read:
            for latency in options.latency:
                report(name, read, latency, each=options.series)


if __name__ == "__main__":
    main()
