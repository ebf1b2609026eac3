"""What commands print: lines and tables for people, JSON for machines.

Everything that a command prints goes through here, so that text from outside cannot steer a
terminal or forge a line.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON with stable keys instead of a table."
)

wide_option = click.option(
    "--wide", is_flag=True, help="Print all columns, however narrow the terminal is."
)

_CELL = 500
_GAP = "  "
_LEAST_CUT = 12
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan", "ok": "green"}


@dataclass(frozen=True)
class Styled:
    """A piece of a line in colour; click drops the colour where the output is no terminal."""

    text: str
    colour: str | None = None
    bold: bool = False


def emit(document: Mapping[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print the document as JSON, or call `show`, which prints it for people."""
    if as_json:
        click.echo(json_text(document))
    else:
        show()


def json_text(document: Any, indent: int | None = 2) -> str:
    """JSON that says the same in any encoding, and that a terminal shows as it is."""
    # UTF-8 or escaped: what an encoding lacks must not spoil the JSON.
    ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only, default=str)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def line(*pieces: object, err: bool = False) -> None:
    """Print one line of text and `Styled` pieces."""
    click.echo("".join(_rendered(piece) for piece in pieces), err=err)


def block(text: str, err: bool = False) -> None:
    """Print a text of several lines."""
    for text_line in text.splitlines():
        line(text_line, err=err)


def table(
    column_names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    optional: Sequence[str] = (),
    wide: bool = False,
) -> None:
    """Print rows in columns; None is shown as unknown, numbers stand on the right.

    On a terminal that is too narrow, `optional` columns are left out one by one, and the last
    column is cut, unless `wide`. What is piped is whole.
    """
    headings = [Styled(name) for name in column_names]
    cells = [headings, *([_cell(value) for value in row] for row in rows)]
    most = None if wide or not sys.stdout.isatty() else get_terminal_size().columns
    cells = _fitting(cells, optional, most) if most else cells
    widths = _widths(cells)
    numeric = [
        all(_numeric(row[i].text) for row in cells[1:]) and len(cells) > 1
        for i in range(len(widths))
    ]
    for row in cells:
        padded = (
            " " * (width - len(cell.text)) + _rendered(cell)
            if right_aligned
            else _rendered(cell) + " " * (width - len(cell.text))
            for cell, width, right_aligned in zip(row, widths, numeric, strict=True)
        )
        click.echo(_GAP.join(padded).rstrip())
    if len(cells[0]) < len(headings):
        note("some columns are left out; --wide shows them")


def _widths(cells: Sequence[Sequence[Styled]]) -> list[int]:
    return [max(len(row[i].text) for row in cells) for i in range(len(cells[0]))]


def _fitting(cells: list[list[Styled]], optional: Sequence[str], most: int) -> list[list[Styled]]:
    """The columns that a line of so many characters has room for; the last one is cut to it."""
    for name in optional:
        if _width(cells) <= most:
            return cells
        place = [cell.text for cell in cells[0]].index(name)
        cells = [[cell for i, cell in enumerate(row) if i != place] for row in cells]
    room = max(_LEAST_CUT, most - _width([row[:-1] for row in cells]) - len(_GAP))
    return [[*row[:-1], _cut(row[-1], room)] for row in cells]


def _width(cells: Sequence[Sequence[Styled]]) -> int:
    widths = _widths(cells)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cut(cell: Styled, room: int) -> Styled:
    if len(cell.text) <= room:
        return cell
    return Styled(cell.text[: room - 3] + "...", cell.colour, cell.bold)


def note(message: str) -> None:
    """Print a message to standard error, beside the output."""
    line(message, err=True)


def finish(ok: bool) -> None:
    """End the command: exit code 0, or 1 for a finding or failure."""
    click.get_current_context().exit(0 if ok else 1)


def severity(level: str) -> Styled:
    """A severity in its colour."""
    return Styled(level, _COLOURS.get(level), bold=True)


def dollars(amount: float | None) -> str:
    """US dollars to show; unknown is never 0."""
    if amount is None:
        return "unknown"
    if amount < 0:
        return "-" + dollars(-amount)
    if amount >= 100:
        return f"${amount:,.2f}"
    return "$" + (f"{amount:.4f}" if amount >= 0.01 else f"{amount:.6f}".rstrip("0").rstrip("."))


def tokens(count: int | None, *, estimated: bool = False) -> str:
    """Tokens to show; a ``~`` marks an estimate."""
    if count is None:
        return "unknown"
    return f"~{count:,}" if estimated else f"{count:,}"


def _rendered(piece: object) -> str:
    if isinstance(piece, Styled):
        return click.style(printable(piece.text), fg=piece.colour, bold=piece.bold or None)
    return printable(str(piece))


def _cell(value: object) -> Styled:
    if isinstance(value, Styled):
        return value
    return Styled("unknown" if value is None else printable(str(value), _CELL))


def _numeric(text: str) -> bool:
    digits = text.lstrip("$-+~").replace(",", "").replace(".", "")
    return text in ("unknown", "-") or digits.isdigit()
