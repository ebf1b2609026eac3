"""Finds text that changes from request to request, by its form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# Every repetition is bounded, so the time is linear in any text.
_S = r"\s{0,3}"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
# German, French, Spanish, Italian, Portuguese and Dutch.
_OTHER_MONTH = (
    r"(?:j[aä]nner|januari?|janvier|enero|gennaio|janeiro|februari?|f[ée]vrier|febrero|febbraio"
    r"|fevereiro|märz|maart|mars|marzo|março|avril|abril|aprile|mai|mei|mayo|maggio|maio|juni"
    r"|juin|junio|giugno|junho|juli|juillet|julio|luglio|julho|augustus|ao[uû]t|agosto"
    r"|septembre|septiembre|settembre|setembro|oktober|octobre|octubre|ottobre|outubro"
    r"|novembre|noviembre|novembro|dezember|d[ée]cembre|diciembre|dicembre|dezembro)"
)
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?"
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_YEAR = r"(?:19|20)\d\d"
_DATE = (
    rf"{_YEAR}(?:[-/.](?:0[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\d|3[01])"
    r"|[-/](?:0?[1-9]|1[0-2])[-/](?:0?[1-9]|[12]\d|3[01]))"
)

# The first match at a place wins, so longer forms come first. Each starts at a word boundary.
_FORMS = {
    "uuid": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    "timestamp": rf"{_DATE}[T ]{_TIME}(?:Z|[+-]\d\d:?\d\d)?"
    rf"|{_DAY}\s{{1,3}}{_MONTH}\s{{1,3}}\d{{1,2}}\s{{1,3}}{_TIME}\s{{1,3}}{_YEAR}\b"
    rf"|datetime\.date(?:time)?\({_YEAR},[^()]{{1,80}}\)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])[0-3]\d[T_-][0-2]\d[0-5]\d(?:[0-5]\d(?:\.\d{{1,9}})?)?Z?\b",
    "date": rf"{_DATE}\b"
    rf"|(?:{_DAY}\s{{1,3}})?{_MONTH}\s{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?,?\s{{1,3}}{_YEAR}\b"
    rf"|(?:{_DAY}\s{{1,3}})?\d{{1,2}}(?:st|nd|rd|th|\.)?(?:\s{{1,3}}|-){_MONTH},?"
    rf"(?:\s{{1,3}}|-){_YEAR}\b"
    rf"|\d{{1,2}}(?:er|º|\.)?\s{{1,3}}(?:de\s)?{_OTHER_MONTH}\s{{1,3}}(?:de\s)?{_YEAR}\b"
    rf"|(?:令和\s?\d{{1,2}}|{_YEAR})\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일]"
    rf"|{_YEAR}\.\s(?:0?[1-9]|1[0-2])\.\s(?:0?[1-9]|[12]\d|3[01])\.|{_YEAR}-W[0-5]\d\b"
    rf"|(?:0?[1-9]|[12]\d|3[01])[/.-](?:0?[1-9]|1[0-2])[/.-]{_YEAR}\b"
    rf"|(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/{_YEAR}\b",
    "request id": r"(?:req|request|trace|session|msg|run|thread|conversation|correlation)"
    rf"(?:[ _-]?id)?{_S}[:=#]{_S}[\"']?[A-Za-z0-9_-]{{0,64}}\d[A-Za-z0-9_-]{{0,64}}"
    r"|(?:req|msg|sess|run|thread|trace)_[A-Za-z0-9]{0,64}\d[A-Za-z0-9]{5,64}"
    # A nanoid or similar after a word: both cases and at least two digits.
    r"|(?:req|request|trace|session|msg|message|thread|conversation|correlation|id|nanoid)"
    r"(?:[ _-]id)?\s{1,3}(?-i:(?=(?:[A-Za-z_-]{0,62}\d){2})(?=[a-z0-9_-]{0,62}[A-Z])"
    r"(?=[A-Z0-9_-]{0,62}[a-z])[A-Za-z0-9_-]{12,64})(?![\w-])"
    r"|x-anthropic-billing-header:[^\n]{0,200}|cch=[0-9a-f]{2,64}\b"
    r"|(?-i:[0-7][0-9A-HJKMNP-TV-Z]{25})\b",
    "commit": r"(?:commit|head|revision|rev|sha|build)(?:\s(?:hash|id|is|at|commit))?[ :=#@]{1,3}"
    r"(?=[a-f]{0,40}\d)(?=\d{0,40}[a-f])[0-9a-f]{7,40}\b",
    "hash": r"(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{16,64}\b",
    "memory address": r"0x[0-9a-f]{8,16}(?=>|\)| object)",
    "process": r"(?:pid|process id)\W{1,3}\d{2,8}\b"
    r"|(?:localhost|127\.0\.0\.1):(?:3[3-9]|[45]\d|6[0-5])\d{3}\b",
    "token": r"eyJ[\w-]{8,400}\.eyJ[\w-]{8,400}",
    "temporary path": r"(?:tmp/|temp\\{1,2})tmp\w{6,64}|var/folders/\w{2}/\w{8,64}",
    "epoch time": r"1[6-9]\d{8}(?:\d{3}|\.\d{1,9})?\b",
    "counter": rf"(?:attempt|turn|step|iteration|message|request|retry){_S}"
    rf"(?:no\.?|number|count|#|:){_S}#?\d{{1,20}}",
    "time of day": rf"(?:it is|now|time(?: is)?|clock|at)\b{_S}:?{_S}{_TIME}(?:{_S}[ap]\.?m\b)?"
    rf"|(?:0?\d|1[0-2]):[0-5]\d:[0-5]\d{_S}[ap]\.?m\b",
}
_ALL = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<{kind.replace(' ', '_')}>{form})" for kind, form in _FORMS.items())
    + ")",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Volatile:
    """One piece of volatile text.

    Attributes
    ----------
    kind : str
        ``date``, ``timestamp``, ``uuid``, ``request id``, ``user name``, ...
    text : str
        The volatile text.
    start : int
        Index of its first character.
    """

    kind: str
    text: str
    start: int


def find(text: str, names: Iterable[str] = ()) -> Iterator[Volatile]:
    """Yield volatile text in order of appearance.

    Parameters
    ----------
    text : str
        The text of one block.
    names : iterable of str
        Words that belong to one user or customer, matched as whole words.
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
    """Yield every text in a block with its place, such as ``tools[0].description``."""
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
