"""Tables line up, unknown stays unknown, and small amounts are not zero."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from prefixwarm.cli.describe import span, until
from prefixwarm.cli.output import Styled, dollars, table, tokens


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        (0.0, "$0"),
        (0.0000123, "$0.000012"),
        (0.00478, "$0.00478"),
        (0.25, "$0.2500"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars(amount: float | None, shown: str) -> None:
    """Unknown is never 0."""
    assert dollars(amount) == shown


def test_tokens() -> None:
    """With thousands apart."""
    assert (tokens(None), tokens(21034)) == ("unknown", "21,034")


def test_a_table(capsys: Any) -> None:
    """Numbers on the right, words on the left; colour takes no room."""
    table(("NAME", "N"), [("a", "1,000"), (Styled("long", "red"), None)])
    out = click.unstyle(capsys.readouterr().out)
    assert out.splitlines() == ["NAME        N", "a       1,000", "long  unknown"]


ROWS = [
    ("support", "warm", "3", "as long as a sentence can be that says why"),
    ("b", "cold", "", "-"),
]


def shown(capsys: Any, monkeypatch: pytest.MonkeyPatch, columns: int, **options: Any) -> list[str]:
    """The lines of a table on a terminal of this width."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda: size)
    table(("PREFIX", "STATE", "CALLS", "WHY"), ROWS, optional=("CALLS",), **options)
    read = capsys.readouterr()
    return [*click.unstyle(read.out).splitlines(), *read.err.splitlines()]


def test_a_narrow_terminal_leaves_columns_out(capsys: Any, monkeypatch: Any) -> None:
    """Those that it can do without first; then the last one is cut, and it is said."""
    assert max(map(len, shown(capsys, monkeypatch, 80)[:3])) <= 80
    lines = shown(capsys, monkeypatch, 30)
    assert lines == [
        "PREFIX   STATE  WHY",
        "support  warm   as long as ...",
        "b        cold   -",
        "some columns are left out; --wide shows them",
    ]


def test_a_wide_table_is_whole(capsys: Any, monkeypatch: Any) -> None:
    """Asked for, or where nothing shows that it is a terminal."""
    assert "CALLS" in shown(capsys, monkeypatch, 30, wide=True)[0]
    monkeypatch.undo()
    table(("A", "B"), [("x" * 200, "y" * 100)], optional=("B",))
    assert "y" * 100 in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"), (-5, "0 s")],
)
def test_spans(seconds: float, words: str) -> None:
    """In the unit that fits."""
    assert span(seconds) == words


def test_until() -> None:
    """What is over is now."""
    assert (until(None, 0), until(5, 10), until(100, 0)) == ("not planned", "now", "in 100 s")
