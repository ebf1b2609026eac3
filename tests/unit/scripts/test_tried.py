"""What `scripts/test --full` prints at its end: what was tried, in numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.helpers.tried import note, note_examples, summary

KINDS = "mutants, processes, states, inputs and other cases"
ROOT = Path(__file__).parents[3]
TESTS = """
from hypothesis import given, strategies

def test_storm(tried):
    tried(20, "processes in storms")

@given(strategies.integers())
def test_whole_numbers(number):
    assert isinstance(number, int)

def test_fails(tried):
    tried(3, "mutants")
    assert False
"""
STATISTICS = """tests/a.py::test_items:

  - during reuse phase (0.00 seconds):
    - Typical runtimes: < 1ms, of which < 1ms in data generation
    - 3 passing, 0 failing, and 1 invalid test cases

  - during generate phase (1.73 seconds):
    - Typical runtimes: ~ 0-1 ms, of which < 1ms in data generation
    - 1995 passing, 1 failing, and 80 invalid test cases

  - Stopped because settings.max_examples=2000
"""


def test_notes_are_summed_up_by_module() -> None:
    """What several tests note alike is one line; many cases of a test are a number, too."""
    reports = [
        *(report("tests/a.py::test_mutants", note(40, "mutants of the launcher")) for _ in "ab"),
        report("tests/a.py::test_items[x]", note_examples(STATISTICS, "test_items")),
        *(report(f"tests/b.py::test_truth[{seed}]") for seed in range(1200)),
        report("tests/b.py::test_one"),
    ]
    assert summary(reports) == [
        "tests/a.py: 1,999 examples of test_items",
        "tests/a.py: 80 mutants of the launcher",
        "tests/b.py: 1,200 cases of test_truth",
        f"in all: 1,204 tests, 1,999 examples of 1 properties, 1,280 {KINDS}",
    ]


@pytest.mark.slow
def test_it_stands_at_the_end_of_a_run(tmp_path: Path) -> None:
    """With several workers, and where a test fails; nothing of it is recorded in the docs."""
    page = ROOT / "docs" / "reliability.md"
    before = page.stat().st_mtime_ns
    (tmp_path / "test_it.py").write_text(TESTS)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-n", "2", "test_it.py"]
    environ = {**os.environ, "TEST_EFFORT": "full", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True)
    _, _, end = done.stdout.partition("tried with full numbers")
    assert end.splitlines()[1:5] == [
        "test_it.py: 2,000 examples of test_whole_numbers",
        "test_it.py: 3 mutants",
        "test_it.py: 20 processes in storms",
        f"in all: 3 tests, 2,000 examples of 1 properties, 23 {KINDS}",
    ], done.stdout + done.stderr
    assert page.stat().st_mtime_ns == before


def report(nodeid: str, *properties: tuple[str, str]) -> SimpleNamespace:
    """A test's report."""
    return SimpleNamespace(nodeid=nodeid, user_properties=[*properties])
