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
    detail : str
        What there is.
    remedy : str
        What to do; empty where there is nothing.
    """

    check: str
    level: Level
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(check, "ok", detail)


def warning(check: str, detail: str, remedy: str) -> Diagnosis:
    """It works, and could be better."""
    return Diagnosis(check, "warning", detail, remedy)


def error(check: str, detail: str, remedy: str) -> Diagnosis:
    """It cannot work."""
    return Diagnosis(check, "error", detail, remedy)


def unknown(check: str, detail: str, remedy: str = "") -> Diagnosis:
    """It cannot be said from here."""
    return Diagnosis(check, "unknown", detail, remedy)
