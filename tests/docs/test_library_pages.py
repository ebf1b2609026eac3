"""The blocks of the library's pages run, one after the other, and give what their comments say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("stats.md", "cost-gate.md", "conversation.md", "small-libraries.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page(page: str) -> None:
    """A comment behind an expression is its value."""
    text = (DOCS / page).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, Any] = {}
    wrong = {
        comment: value for code in blocks for comment, value in run(code, names) if comment != value
    }
    assert wrong == {}


def run(code: str, names: dict[str, Any]) -> list[tuple[str, str]]:
    """What the comments of a block's expressions say, beside their values."""
    compared = []
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), "page", "eval"), names)
            line = code.splitlines()[(statement.end_lineno or 1) - 1]
            comment = line.partition("  # ")[2]
            if comment:
                compared.append((comment, repr(value)))
        else:
            exec(compile(ast.Module([statement], []), "page", "exec"), names)
    return compared
