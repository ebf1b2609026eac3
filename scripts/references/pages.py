"""The pages of docs/, and the parts of them that are made from the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def with_part(page: str, name: str, text: str) -> str:
    """The page of docs/ with `text` between the marks of the part.

    Raises
    ------
    ValueError
        The page has no such marks.
    """
    before = (DOCS / page).read_text("utf-8")
    marked = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marked.search(before):
        raise ValueError(f"{page} has no marks of {name!r}")
    return marked.sub(lambda marks: f"{marks[1]}\n{text.strip()}\n\n{marks[2]}", before, count=1)


def row(*cells: str) -> str:
    """A line of a table, whose cells may hold a bar."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
