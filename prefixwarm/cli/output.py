"""What commands print: a table for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON with stable keys instead of a table."
)

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan", "ok": "green"}


def emit(document: Mapping[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print the document as JSON, or call `show`, which prints it for people."""
    if as_json:
        # UTF-8 or escaped: what an encoding lacks must not spoil the JSON.
        ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        click.echo(json.dumps(document, indent=2, ensure_ascii=ascii_only, default=str))
    else:
        show()


def table(column_names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns; None is shown as unknown, numbers stand on the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [
        all(_numeric(row[i]) for row in cells) and bool(cells) for i, _ in enumerate(column_names)
    ]
    widths = [
        max([len(name), *(_width(row[i]) for row in cells)]) for i, name in enumerate(column_names)
    ]
    for row in ([*column_names], *cells):
        padded = (
            " " * (width - _width(text)) + text
            if right_aligned
            else text + " " * (width - _width(text))
            for text, width, right_aligned in zip(row, widths, numeric, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def note(message: str) -> None:
    """Print a message to standard error, beside the output."""
    click.echo(message, err=True)


def finish(ok: bool) -> None:
    """End the command: exit code 0, or 1 for a finding or failure."""
    click.get_current_context().exit(0 if ok else 1)


def severity(level: str) -> str:
    """Colour a severity; click drops the colour where the output is no terminal."""
    return click.style(level, fg=_COLOURS.get(level), bold=True)


def dollars(amount: float | None) -> str:
    """US dollars to show; unknown is never 0."""
    if amount is None:
        return "unknown"
    if amount < 0:
        return "-" + dollars(-amount)
    if amount >= 100:
        return f"${amount:,.2f}"
    return "$" + (f"{amount:.4f}" if amount >= 0.01 else f"{amount:.6f}".rstrip("0").rstrip("."))


def tokens(count: int | None) -> str:
    """Tokens to show."""
    return "unknown" if count is None else f"{count:,}"


def _width(text: str) -> int:
    return len(click.unstyle(text))


def _cell(value: object) -> str:
    return "unknown" if value is None else str(value)


def _numeric(text: str) -> bool:
    digits = text.lstrip("$-+~").replace(",", "").replace(".", "")
    return text in ("unknown", "-") or digits.isdigit()
