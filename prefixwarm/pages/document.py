"""A page, and what stands in it beside drawings: tables, explanations, keys."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from prefixwarm.pages.style import STYLE
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def document(title: str, parts: Iterable[str], style: str = "") -> str:
    """Write a page without scripts and without references.

    Parameters
    ----------
    title : str
        Text, which stands above the page as well.
    parts : iterable of str
        HTML.
    style : str
        What the page's own drawings look like, as CSS.
    """
    shown = escaped_line(title)
    body = "\n".join([f"<h1>{shown}</h1>", *parts])
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{shown}</title><style>{STYLE}{style}</style></head>
<body>
{body}
</body>
</html>
"""


def escaped_line(text: str) -> str:
    """Text of anybody's as one line of HTML."""
    return escape(printable(text))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is a class of the style."""
    return f'<p class="{kind}">{escaped_line(text)}</p>' if kind else f"<p>{escaped_line(text)}</p>"


def heading(text: str) -> str:
    """The heading of a section."""
    return f"<h2>{escaped_line(text)}</h2>"


def table(rows: Sequence[Mapping[str, str]], best: str = "") -> str:
    """A table on a desk, a list on a phone.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        Cells of text by column; the first one names the row.
    best : str
        The name of the row that stands out.
    """
    head = "".join(f"<th>{escaped_line(name)}</th>" for name in rows[0])
    body = "".join(_row(row, best) for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: Mapping[str, str], best: str) -> str:
    cells = "".join(
        f'<td data-name="{escaped_line(name)}">{escaped_line(cell)}</td>'
        for name, cell in row.items()
    )
    is_best = next(iter(row.values())) == best
    return f'<tr class="best">{cells}</tr>' if is_best else f"<tr>{cells}</tr>"


def explanations(sentences: Mapping[str, str]) -> str:
    """Names, and a sentence for each."""
    pairs = (
        f"<dt>{escaped_line(name)}</dt><dd>{escaped_line(sentence)}</dd>"
        for name, sentence in sentences.items()
    )
    return f"<dl>{''.join(pairs)}</dl>"


def legend(marks: Mapping[str, str]) -> str:
    """What the marks of a drawing mean: SVG of 26 by 16 units, by its meaning."""
    items = (
        f'<li><svg viewBox="0 0 26 16" aria-hidden="true">{mark}</svg>{escaped_line(meaning)}</li>'
        for meaning, mark in marks.items()
    )
    return f'<ul class="legend">{"".join(items)}</ul>'
