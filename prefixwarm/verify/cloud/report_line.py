"""Reads the REPORT line that Lambda ends an invocation's log with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELD = re.compile(r"(?P<name>[A-Z][A-Za-z ]*?): (?P<value>[\d.]+) (?:ms|MB)")


@dataclass(frozen=True)
class Report:
    """What it says, in milliseconds; None is what it does not say.

    `init_ms` is there where the invocation began with an init phase, `restore_ms` where it began
    with the restore of a snapshot.
    """

    init_ms: float | None = None
    restore_ms: float | None = None

    @classmethod
    def of(cls, log: str) -> Report:
        """Read the last one of a log; nothing is known where there is none."""
        lines = [line for line in log.splitlines() if line.startswith("REPORT RequestId:")]
        fields = {
            match["name"].strip(): float(match["value"])
            for match in _FIELD.finditer(lines[-1].partition("\t")[2] if lines else "")
        }
        return cls(fields.get("Init Duration"), fields.get("Restore Duration"))


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which this share of them lies, between two of them in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
