"""One line of what the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True)
class Diagnosis:
    """What one check says.

    Attributes
    ----------
    check : str
        What was looked at.
    level : str
        ``ok``; ``warning`` and ``error`` where there is something to do; ``unknown`` where it
        cannot be said.
    found : str
        What was found.
    remedy : str
        What to do; empty where there is nothing.
    """

    check: str
    level: Level
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(check, "ok", found)


def warning(check: str, found: str, remedy: str) -> Diagnosis:
    """It works, and could be better."""
    return Diagnosis(check, "warning", found, remedy)


def error(check: str, found: str, remedy: str) -> Diagnosis:
    """It cannot work."""
    return Diagnosis(check, "error", found, remedy)


def unknown(check: str, found: str, remedy: str = "") -> Diagnosis:
    """It cannot be said from here."""
    return Diagnosis(check, "unknown", found, remedy)
