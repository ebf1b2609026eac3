"""Fit what `prefixwarm.policy.survival` believes of a prefix before it has seen its traffic.

Usage: python benchmarks/prior.py FILE.jsonl[.gz]...

Each file is one set of arrivals in the format of `benchmarks/traces`. A set weighs the less the
more its clairvoyant optimum costs, as in the ratios of `benchmarks/policy.py`.
Prints the log odds of each age class, then the weights of routine, echo, recent and usual traffic.
Logistic regression by Newton's method; some minutes for a million hours of silence.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.policy import optimum
from prefixwarm.policy.survival import AGES, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 200
STEPS = 8
RIDGE = 1e-3
CLASSES = len(AGES) + 1
SIZE = CLASSES + 4

Row = tuple[int, tuple[float, ...], bool]


def read(path: Path) -> tuple[list[Row], float]:
    """All slots of a set, and what each of them weighs."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        series = [json.loads(line) for line in lines]
    bound = sum(optimum(one["arrivals"], one["end"]).excess for one in series)
    return [row for one in series for row in rows(one["arrivals"])], 1 / bound


def rows(times: list[float]) -> Iterator[Row]:
    """Age class, the four inputs, and whether the silence ended, for each slot of each silence."""
    model = Model(times[0])
    for at in times[1:]:
        silence = model.silence()
        last = silence.slot(at)
        for slot in range(1, min(last, LONGEST) + 1):
            features = silence.features(slot)
            yield features[0][0], tuple(value for _, value in features[-4:]), slot == last
        model.see(at, adapt=False)


def newton(sets: list[tuple[list[Row], float]], weights: list[float]) -> list[float]:
    """One step towards the most likely weights."""
    slope = [-RIDGE * weight for weight in weights]
    curve = [[RIDGE * (row == column) for column in range(SIZE)] for row in range(SIZE)]
    for rows_of_set, share in sets:
        for age, values, ended in rows_of_set:
            inputs = [(age, 1.0), *enumerate(values, CLASSES)]
            score = sum(weights[i] * value for i, value in inputs)
            chance = 1 / (1 + math.exp(-score))
            for i, value in inputs:
                slope[i] += value * (ended - chance) * share
                for j, other in inputs:
                    curve[i][j] += value * other * chance * (1 - chance) * share
    return [weight + step for weight, step in zip(weights, solve(curve, slope), strict=True)]


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination; the matrix is positive definite."""
    system = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot in range(SIZE):
        system[pivot] = [value / system[pivot][pivot] for value in system[pivot]]
        for row in range(SIZE):
            if row != pivot:
                factor = system[row][pivot]
                pairs = zip(system[row], system[pivot], strict=True)
                system[row] = [value - factor * other for value, other in pairs]
    return [row[-1] for row in system]


def main() -> None:
    """Fit and print."""
    sets = [read(Path(name)) for name in sys.argv[1:]]
    weights = [-2.5] * CLASSES + [0.0] * 4
    for _ in range(STEPS):
        weights = newton(sets, weights)
    print("age classes:", *(f"{weight:.2f}" for weight in weights[:CLASSES]))
    print("routine, echo, recent, usual:", *(f"{weight:.2f}" for weight in weights[CLASSES:]))


if __name__ == "__main__":
    main()
