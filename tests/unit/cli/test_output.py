"""Tables line up, unknown stays unknown, and small amounts are not zero."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest

from prefixwarm.cli.describe import span, until
from prefixwarm.cli.output import Styled, line, note, shown_as, table


def test_a_table(capsys: Any) -> None:
    """Numbers on the right, words on the left; colour takes no room."""
    table([{"NAME": "a", "N": "1,000"}, {"N": None, "NAME": Styled("long", "red")}])
    out = click.unstyle(capsys.readouterr().out)
    assert out.splitlines() == ["NAME        N", "a       1,000", "long  unknown"]


@pytest.mark.parametrize(("value", "coloured"), [("1", False), ("", True)])
def test_colours_are_off_where_no_color_is_set(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, value: str, coloured: bool
) -> None:
    """On a terminal, too; an empty value counts as none."""
    monkeypatch.setattr("click._compat.isatty", lambda _stream: True)
    monkeypatch.setenv("NO_COLOR", value)
    line(Styled("error", "red"))
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_columns_that_belong_together_are_left_out_together(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shares stand on the right, as numbers do."""
    size = os.terminal_size((24, 24))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda: size)
    names = ("NAME", "RATE", "TOOLS", "SYSTEM")
    rows = [dict(zip(names, row, strict=True)) for row in (("a", "5%", 1, 2), ("b", "100%", 3, 4))]
    table(rows, optional=(("TOOLS", "SYSTEM"),))
    shown = capsys.readouterr().out
    assert shown.splitlines() == ["NAME  RATE", "a       5%", "b     100%"]
    assert "\x1b" not in shown


WHY = "as long as a sentence can be that says why"
# What a row lacks is empty.
ROWS = [
    {"PREFIX": "support", "STATE": "warm", "CALLS": "3", "WHY": WHY},
    {"PREFIX": "b", "STATE": "cold", "WHY": "-"},
]


def shown(capsys: Any, monkeypatch: pytest.MonkeyPatch, columns: int, **options: Any) -> list[str]:
    """The lines of a table on a terminal of this width."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda: size)
    table(ROWS, optional=(("CALLS",),), **options)
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


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_long_names_are_cut_until_the_line_fits(
    capsys: Any, monkeypatch: Any, columns: int
) -> None:
    """The longest first, and of a path the end stays, which names the file."""
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda: size)
    path, arn = "prefixes/" + "a" * 64 + ".prefix.json", "arn:aws:bedrock:eu-west-1:" + "1" * 60
    table([{"FILE": path, "MODEL": arn, "TOKENS": "1,000,000"}])
    read = capsys.readouterr()
    lines = click.unstyle(read.out).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[1].startswith("...a")
    assert ".prefix.json" in lines[1]
    assert lines[1].endswith("1,000,000")
    assert read.err == "some texts are cut; --wide shows them\n"


def test_files_are_named_by_where_they_will_lie(capsys: Any, tmp_path: Path) -> None:
    """In tables, lines and messages."""
    with shown_as(tmp_path, Path("prefixes")):
        table([{"FILE": tmp_path / "a.prefix.json"}])
        line(f"{tmp_path / 'a.prefix.json'}: ok")
        note(f"{tmp_path / 'b'}: is not there")
    line(tmp_path / "c")
    read = capsys.readouterr()
    assert read.out.splitlines() == [
        "FILE",
        "prefixes/a.prefix.json",
        "prefixes/a.prefix.json: ok",
        str(tmp_path / "c"),
    ]
    assert read.err == "prefixes/b: is not there\n"


def test_a_wide_table_is_whole(capsys: Any, monkeypatch: Any) -> None:
    """Asked for, or where nothing shows that it is a terminal."""
    assert "CALLS" in shown(capsys, monkeypatch, 30, wide=True)[0]
    monkeypatch.undo()
    table([{"A": "x" * 200, "B": "y" * 100}], optional=(("B",),))
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
