from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

TRACES = Path(__file__).parents[3] / "benchmarks" / "traces"


def load(name: str) -> list[dict[str, Any]]:
    with gzip.open(TRACES / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def commits() -> list[dict[str, Any]]:
    """A year of thirteen repositories' commits."""
    return load("git-commits")


@pytest.fixture(scope="session")
def synthetic() -> list[dict[str, Any]]:
    """The controls: among them prefixes that die, and an adversary."""
    return load("synthetic")
