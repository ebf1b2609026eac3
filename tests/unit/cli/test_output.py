"""Tables line up, unknown stays unknown, and small amounts are not zero."""

from __future__ import annotations

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
