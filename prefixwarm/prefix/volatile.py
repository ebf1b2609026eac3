"""Text that changes from request to request, found by its form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_DATE = r"(?:19|20)\d\d[-/.](?:0[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\d|3[01])"

# The first that matches at a place wins; so the longer forms stand first.
_FORMS = {
    "uuid": r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    "timestamp": rf"\b{_DATE}[T ]{_TIME}(?:Z|[+-]\d\d:?\d\d)?",
    "date": rf"\b{_DATE}\b"
    rf"|\b(?:{_DAY}\s+)?{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d\b"
    rf"|\b(?:{_DAY}\s+)?\d{{1,2}}(?:st|nd|rd|th|\.)?\s+{_MONTH},?\s+(?:19|20)\d\d\b"
    r"|\b(?:0?[1-9]|[12]\d|3[01])[/.](?:0?[1-9]|1[0-2])[/.](?:19|20)\d\d\b"
    r"|\b(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)\d\d\b",
    "request id": r"\b(?:req|request|trace|session|msg|run|thread|conversation|correlation)"
    r"(?:[ _-]?id)?\s*[:=#]\s*[\"']?[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*"
    r"|\b(?:req|msg|sess|run|thread|trace)_[A-Za-z0-9]*\d[A-Za-z0-9]{5,}",
    "hash": r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,64}\b",
    "epoch time": r"\b1[6-9]\d{8}(?:\d{3}|\.\d+)?\b",
    "counter": r"\b(?:attempt|turn|step|iteration|message|request|retry)\s*"
    r"(?:no\.?|number|count|#|:)\s*#?\d+",
    "time of day": rf"\b(?:it is|now|time(?: is)?|clock|at)\b\s*:?\s*{_TIME}(?:\s*[ap]\.?m\b)?",
}
_ALL = re.compile(
    "|".join(f"(?P<{kind.replace(' ', '_')}>{form})" for kind, form in _FORMS.items()),
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Volatile:
    """One find.

    Attributes
    ----------
    kind : str
        ``date``, ``timestamp``, ``uuid``, ``request id``, ``user name``, ...
    text : str
        What was found.
    start : int
        Index of its first character.
    """

    kind: str
    text: str
    start: int


def find(text: str, names: Iterable[str] = ()) -> Iterator[Volatile]:
    """Find volatile text, first things first.

    Parameters
    ----------
    text : str
        The text of one block.
    names : iterable of str
        Words that belong to one user or customer, looked for as whole words.
    """
    for match in _ALL.finditer(text):
        kind = str(match.lastgroup).replace("_", " ")
        yield Volatile(kind, match.group(), match.start())
    for name in names:
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            yield Volatile("user name", match.group(), match.start())


def masked(text: str) -> str:
    """The text with everything volatile, and every other number, replaced."""
    return re.sub(r"\d+", "0", _ALL.sub("\0", text))


def leaves(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Every text in a block with its place, such as ``tools[0].description``."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("cache_control", "type"):
                yield from leaves(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{place}[{i}]")


def kind_at(text: str, index: int) -> str | None:
    """The kind of the volatile text that covers a character, or None."""
    covering: list[Any] = [v for v in find(text) if v.start <= index < v.start + len(v.text)]
    return covering[0].kind if covering else None
