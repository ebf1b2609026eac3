"""Builds texts that match a regular expression."""

from __future__ import annotations

import re
from typing import NamedTuple

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "n": "\n", "t": "\t"}
_EMPTY = frozenset("bBAZzG")
_CANDIDATES = "aA0 -_.:/@#" + "".join(map(chr, range(33, 127)))
_COUNT = re.compile(r"\{(\d+)(?:,\d*)?\}")
_MOST_REPEATS = 1_000


class _Piece(NamedTuple):
    text: str
    end: int


def sample_match(pattern: str, least: int = 0, most: int = 1 << 20) -> str | None:
    """Build a short text that matches a pattern.

    Parameters
    ----------
    pattern : str
        As in JSON schemas; supports literals, classes, groups, choices and repetitions.
    least, most : int
        Length in characters.

    Returns
    -------
    str or None
        None if no matching text could be built.
    """
    try:
        for longer in (0, least):
            text = _choice(pattern, 0, longer).text
            if least <= len(text) <= most and re.search(pattern, text):
                return text
    except (IndexError, ValueError, re.error):
        return None
    return None


def _choice(pattern: str, at: int, longer: int) -> _Piece:
    """Take the first of several alternatives, up to the end of the group."""
    text, end = _sequence(pattern, at, longer)
    while end < len(pattern) and pattern[end] == "|":
        _, end = _sequence(pattern, end + 1, longer)
    return _Piece(text, end)


def _sequence(pattern: str, at: int, longer: int) -> _Piece:
    pieces = []
    while at < len(pattern) and pattern[at] not in "|)":
        text, at = _atom(pattern, at, longer)
        text, at = _repeated(pattern, at, text, longer)
        pieces.append(text)
    return _Piece("".join(pieces), at)


def _atom(pattern: str, at: int, longer: int) -> _Piece:
    sign = pattern[at]
    if sign == "(":
        return _group(pattern, at, longer)
    if sign == "[":
        return _set(pattern, at)
    if sign == "\\":
        return _escaped(pattern, at)
    return _Piece({"^": "", "$": "", ".": "a"}.get(sign, sign), at + 1)


def _group(pattern: str, at: int, longer: int) -> _Piece:
    start, shown = at + 1, True
    if extension := re.compile(r"\?(?::|P?<\w+>|[=!]|<[=!])").match(pattern, start):
        start = extension.end()
        shown = extension[0] not in ("?=", "?!", "?<=", "?<!")
    text, end = _choice(pattern, start, longer)
    return _Piece(text if shown else "", end + 1)


def _escaped(pattern: str, at: int) -> _Piece:
    sign = pattern[at + 1]
    if sign in _EMPTY:
        return _Piece("", at + 2)
    if sign in "pP" and pattern[at + 2 : at + 3] == "{":
        return _Piece("a", pattern.index("}", at) + 1)
    return _Piece(_CLASSES.get(sign, sign), at + 2)


def _set(pattern: str, at: int) -> _Piece:
    """Choose a character from the set."""
    start = end = at + 2 if pattern[at + 1] == "^" else at + 1
    while end == start or pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    holds = re.compile(pattern[at : end + 1])
    return _Piece(next(sign for sign in _CANDIDATES if holds.match(sign)), end + 1)


def _repeated(pattern: str, at: int, text: str, longer: int) -> _Piece:
    """Repeat a piece as often as required, or as the length needs if that is open."""
    count, end = 1, at
    sign = pattern[at : at + 1]
    if sign in ("*", "+", "?"):
        count, end = (1 if sign == "+" else 0), at + 1
        count = max(count, longer) if sign != "?" else count
    elif match := _COUNT.match(pattern, at):
        count, end = int(match[1]), match.end()
        count = max(count, longer) if match[0].endswith(",}") else count
    if pattern[end : end + 1] in ("?", "+") and end > at:
        end += 1
    return _Piece(text * min(count, _MOST_REPEATS), end)
