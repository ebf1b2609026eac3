"""Which runs are made in which order, and what their differences say."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from math import comb
from random import Random

# How often a cell is measured for each round: most where the machine's noise is large against
# the target, seldom where one run takes long or a difference is seconds.
TURNS = {
    **{("light", share): 1.0 for share in ("2 cores", "1 core", "0.29 vCPU")},
    ("heavy", "2 cores"): 3.0,
    ("heavy", "1 core"): 1.0,
    ("heavy", "0.29 vCPU"): 0.25,
}
SDK_TURNS = 1 / 6
FEWEST = 2
OURS = ("none", "warm", "cold")
SDK = ("handler", "extension")


@dataclass(frozen=True)
class Turn:
    """Runs that are compared with each other, one after the other in a random order."""

    weight: str
    share: str
    variants: tuple[str, ...]


def turns(rounds: int, shares: list[str], seed: int = 0) -> list[Turn]:
    """All turns in an order in which a slow moment of the machine hits every cell alike."""
    random = Random(seed)
    pairs = []
    for (weight, share), often in TURNS.items():
        count = max(FEWEST, round(rounds * often))
        with_sdk = max(FEWEST, round(rounds * SDK_TURNS))
        for number in range(count if share in shares else 0):
            variants = [*OURS, *(SDK if number < with_sdk else ())]
            random.shuffle(variants)
            pairs.append(Turn(weight, share, tuple(variants)))
    random.shuffle(pairs)
    return pairs


@dataclass
class Values:
    """Milliseconds of every run, by cell and turn."""

    of: dict[tuple[str, str, str], dict[int, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, turn: Turn, number: int, variant: str, milliseconds: float) -> None:
        """One run of one turn."""
        self.of[turn.weight, variant, turn.share][number] = milliseconds

    def base(self, weight: str, share: str) -> float:
        """Median without a layer."""
        return statistics.median(self.of[weight, "none", share].values())

    def added(self, weight: str, variant: str, share: str) -> list[float]:
        """Differences to the run without a layer in the same turn."""
        base = self.of[weight, "none", share]
        return [ms - base[turn] for turn, ms in self.of[weight, variant, share].items()]


def interval(values: list[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """The median, and an interval that holds the true one with at least this confidence.

    By order statistics, which assume no distribution; for few values it is their whole range.
    """
    ordered = sorted(values)
    count, outside, rank = len(ordered), 0.0, 0
    while rank < (count - 1) // 2:
        outside += comb(count, rank) / 2**count
        if 2 * outside > 1 - confidence:
            break
        rank += 1
    first = max(0, rank - 1)
    return statistics.median(ordered), ordered[first], ordered[-1 - first]
