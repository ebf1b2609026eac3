from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.effort import chosen

# Of the longest one, which has 32,312.
MOST_ARRIVALS = chosen(dev=1_000, ci=1_000, full=10**9)
TRACES = Path(__file__).parents[3] / "benchmarks" / "traces"


class Series(NamedTuple):
    """Requests of one prefix: when they arrived, and when the observation ended, in seconds."""

    name: str
    arrivals: tuple[float, ...]
    end: float


def load(name: str) -> list[Series]:
    with gzip.open(TRACES / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [Series(e["series"], tuple(e["arrivals"]), e["end"]) for e in entries]


@pytest.fixture(scope="session")
def commits() -> list[Series]:
    """A year of thirteen repositories' commits."""
    return load("git-commits")


@pytest.fixture(scope="session")
def synthetic() -> list[Series]:
    """The controls: among them prefixes that die, and an adversary."""
    return [begun(series) for series in load("synthetic")]


def begun(series: Series) -> Series:
    """A series as far as this run follows it: what holds for it holds at any moment."""
    if len(series.arrivals) <= MOST_ARRIVALS:
        return series
    arrivals = series.arrivals[:MOST_ARRIVALS]
    return Series(series.name, arrivals, series.arrivals[MOST_ARRIVALS])
