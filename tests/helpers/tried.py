"""What a run of the tests tried, in numbers: noted by test, summed up at the end of the run."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# The name of the property of a test's report.
PROPERTY = "tried"

_EXAMPLES = "examples of "
# Cases of one test, from which on they are a number to report.
_MANY = 100
# What Hypothesis says of each phase of a property: so many passing, so many failing.
_IN_A_PHASE = re.compile(r"(\d+) (?:passing|failing)")


def note(count: int, what: str) -> tuple[str, str]:
    """A property of a test's report: how many of something it went through."""
    return PROPERTY, f"{count} {what}"


def note_examples(statistics: str, test: str) -> tuple[str, str]:
    """The same of a property, from what Hypothesis says of the test."""
    return note(sum(map(int, _IN_A_PHASE.findall(statistics))), _EXAMPLES + test)


def notes(report: Any) -> list[str]:
    """What a test noted."""
    return [text for name, text in report.user_properties if name == PROPERTY]


def summary(reports: Iterable[Any]) -> list[str]:
    """A line for each thing that was tried, by module, and one with the sums.

    Parameters
    ----------
    reports
        The reports of the tests' calls.
    """
    tests, counts, cases = 0, Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for report in reports:
        tests += 1
        module, _, name = report.nodeid.partition("::")
        cases[module, f"cases of {name.partition('[')[0]}"] += 1
        for text in notes(report):
            count, _, what = text.partition(" ")
            counts[module, what] += int(count)
    counts.update({case: count for case, count in cases.items() if count >= _MANY})
    lines = [f"{module}: {count:,} {what}" for (module, what), count in sorted(counts.items())]
    examples = [count for (_, what), count in counts.items() if what.startswith(_EXAMPLES)]
    others = sum(counts.values()) - sum(examples)
    of_properties = f"{sum(examples):,} examples of {len(examples):,} properties"
    kinds = "mutants, processes, states, inputs and other cases"
    return [*lines, f"in all: {tests:,} tests, {of_properties}, {others:,} {kinds}"]
