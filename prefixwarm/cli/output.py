"""Prints lines and tables for people, and JSON for machines.

All output of commands goes through this module, so that text from outside cannot control a terminal
or forge a line.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli.progress import erase_progress
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON with stable keys instead of a table."
)

wide_option = click.option(
    "--wide", is_flag=True, help="Print all columns, however narrow the terminal is."
)

_CELL = 500
_GAP = "  "
_LEAST_CUT = 12
# A sentence cut at this length is still understandable.
_LAST_COLUMN = 24
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan", "ok": "green"}


@dataclass(frozen=True)
class Styled:
    """Part of a line in colour; click drops the colour if the output is not a terminal."""

    text: str
    colour: str | None = None
    bold: bool = False


def emit(document: Mapping[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print the document as JSON, or call `show` to print it for people."""
    if as_json:
        _echo(json_text(document))
    else:
        show()


def json_text(document: Any, indent: int | None = 2) -> str:
    """JSON that is safe in any encoding and on any terminal."""
    # UTF-8 or escaped: a character that the encoding lacks must not break the JSON.
    ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only, default=str)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def line(*pieces: object, err: bool = False) -> None:
    """Print one line of text and `Styled` pieces."""
    _echo("".join(_rendered(piece) for piece in pieces), err=err)


def _echo(text: str, err: bool = False) -> None:
    erase_progress()
    # https://no-color.org; without it click asks whether the output is a terminal.
    click.echo(text, err=err, color=False if os.environ.get("NO_COLOR") else None)


@contextmanager
def shown_as(folder: Path, name: Path) -> Iterator[None]:
    """Print files of a temporary folder under their final paths."""
    passing = f"{folder}{os.sep}"
    _shown_as[passing] = f"{name}{os.sep}"
    try:
        yield
    finally:
        del _shown_as[passing]


_shown_as: dict[str, str] = {}


def block(text: str) -> None:
    """Print a multi-line text."""
    for text_line in text.splitlines():
        line(text_line)


def table(
    rows: Sequence[Mapping[str, object]],
    *,
    optional: Sequence[tuple[str, ...]] = (),
    wide: bool = False,
) -> None:
    """Print rows of cells by column; None is shown as unknown, numbers are right-aligned.

    The first row has every column; what another lacks is empty. If the terminal is too narrow,
    groups of `optional` columns are left out one by one, then the longest texts are cut, unless
    `wide`. Piped output is complete.
    """
    headings = [Styled(name) for name in rows[0]]
    cells = [headings, *([_cell(row.get(name, "")) for name in rows[0]] for row in rows)]
    most = None if wide or not sys.stdout.isatty() else get_terminal_size().columns
    all_texts = sum(len(cell.text) for row in cells for cell in row)
    cells = _fitting(cells, optional, most) if most else cells
    widths, numeric = _widths(cells), _are_numeric(cells)
    for row in cells:
        padded = (
            " " * (width - len(cell.text)) + _rendered(cell)
            if right_aligned
            else _rendered(cell) + " " * (width - len(cell.text))
            for cell, width, right_aligned in zip(row, widths, numeric, strict=True)
        )
        _echo(_GAP.join(padded).rstrip())
    if len(cells[0]) < len(headings):
        note("some columns are left out; --wide shows them")
    elif sum(len(cell.text) for row in cells for cell in row) < all_texts:
        note("some texts are cut; --wide shows them")


def _widths(cells: Sequence[Sequence[Styled]]) -> list[int]:
    return [max(len(row[i].text) for row in cells) for i in range(len(cells[0]))]


def _are_numeric(cells: Sequence[Sequence[Styled]]) -> list[bool]:
    return [
        all(_numeric(row[i].text) for row in cells[1:]) and len(cells) > 1
        for i in range(len(cells[0]))
    ]


def _fitting(
    cells: list[list[Styled]], optional: Sequence[tuple[str, ...]], most: int
) -> list[list[Styled]]:
    """Fit the columns into this width: leave out optional ones, then cut the longest texts."""
    for names in optional:
        if _needed(cells) <= most:
            break
        kept = [i for i, cell in enumerate(cells[0]) if cell.text not in names]
        cells = [[row[i] for i in kept] for row in cells]
    widths, numeric = _widths(cells), _are_numeric(cells)
    texts = [i for i in range(len(widths)) if not numeric[i]]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - most
    while over > 0 and texts:
        # Cut the last column first, because it only explains the others.
        longest = max(texts, key=lambda i: (widths[i] > _least(i, cells), widths[i], i))
        if widths[longest] <= _least(longest, cells):
            break
        widths[longest] -= 1
        over -= 1
    return [[_cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in cells]


def _least(column: int, cells: Sequence[Sequence[Styled]]) -> int:
    """Minimum width of a column: its heading is never cut."""
    return max(_LEAST_CUT, len(cells[0][column].text))


def _needed(cells: Sequence[Sequence[Styled]]) -> int:
    """Width at which no column is left out; the last one may be cut."""
    last = min(_widths(cells)[-1], _LAST_COLUMN)
    return _width([row[:-1] for row in cells]) + len(_GAP) + last


def _width(cells: Sequence[Sequence[Styled]]) -> int:
    widths = _widths(cells)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cut(cell: Styled, room: int) -> Styled:
    """Cut a text at its end, but a path at its beginning, to keep the file's name."""
    text = cell.text
    if len(text) <= room:
        return cell
    is_path = "/" in text and " " not in text
    short = "..." + text[3 - room :] if is_path else text[: room - 3] + "..."
    return Styled(short, cell.colour, cell.bold)


def note(message: str) -> None:
    """Print a message to standard error."""
    line(message, err=True)


def finish(ok: bool) -> None:
    """End the command with exit code 0, or 1 for a finding or failure."""
    click.get_current_context().exit(0 if ok else 1)


def severity(level: str) -> Styled:
    """A severity in its colour."""
    return Styled(level, _COLOURS.get(level), bold=True)


def _rendered(piece: object) -> str:
    if isinstance(piece, Styled):
        text = _named(piece.text)
        is_plain = piece.colour is None and not piece.bold
        return text if is_plain else click.style(text, fg=piece.colour, bold=piece.bold or None)
    return _named(piece)


def _cell(value: object) -> Styled:
    if isinstance(value, Styled):
        return value
    return Styled("unknown" if value is None else printable(_named(value), _CELL))


def _named(value: object) -> str:
    """Make a text safe to print, with the paths of `shown_as`."""
    text = str(value)
    for passing, name in _shown_as.items():
        text = text.replace(passing, name)
    return printable(text)


def _numeric(text: str) -> bool:
    number, _, _ = text.partition(" ms")
    digits = number.lstrip("<$-+~").rstrip("%").replace(",", "").replace(".", "")
    return text in ("unknown", "-") or digits.isdigit()
