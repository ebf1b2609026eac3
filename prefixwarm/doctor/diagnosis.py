"""The result of one check of `prefixwarm doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check.

    Attributes
    ----------
    check : str
        The name of the check.
    level : str
        ``ok``; ``warning`` and ``error`` if there is something to do; ``unknown`` if the check
        cannot tell.
    detail : str
        What was found.
    remedy : str
        What to do, or "".
    """

    check: str
    level: Level
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Diagnosis:
    """The check passed."""
    return Diagnosis(check, "ok", detail)


def warning(check: str, detail: str, remedy: str) -> Diagnosis:
    """It works but could be better."""
    return Diagnosis(check, "warning", detail, remedy)


def error(check: str, detail: str, remedy: str) -> Diagnosis:
    """It cannot work."""
    return Diagnosis(check, "error", detail, remedy)


def unknown(check: str, detail: str, remedy: str = "") -> Diagnosis:
    """The check cannot tell."""
    return Diagnosis(check, "unknown", detail, remedy)
