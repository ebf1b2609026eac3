"""One rule for dollars and one for tokens, and nothing else formats them."""

from __future__ import annotations

import ast
import math
from itertools import pairwise
from pathlib import Path

import pytest

from prefixwarm.amounts import dollars, tokens

# Takes seconds: `scripts/test --quick` leaves it out.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDERS = ("prefixwarm", "extension", "layer", "cdk", "benchmarks", "examples", "scripts")


def sources() -> list[Path]:
    """Every Python source that is not a test, scripts included."""
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    return [path for path in files if path.suffix == ".py" or is_script(path)]


def is_script(path: Path) -> bool:
    """Whether it is run by Python."""
    return path.is_file() and not path.suffix and b"python" in path.read_bytes()[:40]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        (math.nan, "unknown"),
        (0.0, "$0"),
        (-0.0, "$0"),
        (1e-12, "<$0.0001"),
        (-1e-12, "-<$0.0001"),
        (0.0001, "$0.0001"),
        (0.000123, "$0.000123"),
        (0.00478, "$0.00478"),
        (0.022_649, "$0.0226"),
        (0.1, "$0.10"),
        (0.25, "$0.25"),
        (0.3062, "$0.306"),
        (0.9955, "$0.996"),
        (0.9995, "$1.00"),
        (0.99999, "$1.00"),
        (1.0, "$1.00"),
        (12.345, "$12.35"),
        (1234.5, "$1,234.50"),
        (-0.25, "-$0.25"),
    ],
)
def test_dollars(amount: float | None, shown: str) -> None:
    """Cents from a dollar on, three digits below; unknown is never 0."""
    assert dollars(amount) == shown


def test_a_larger_amount_never_looks_smaller() -> None:
    amounts = [10 ** (exponent / 50) for exponent in range(-190, 200)]
    shown = [float(dollars(amount).strip("<$").replace(",", "")) for amount in amounts]
    assert all(one <= other for one, other in pairwise(shown))
    assert all(
        abs(value - amount) <= max(0.005 * amount, 0.005 * (amount >= 0.9995))
        for amount, value in zip(amounts, shown, strict=True)
        if amount >= 1e-4
    )


def test_tokens() -> None:
    """With thousands apart; an estimate has its mark."""
    shown = tokens(None), tokens(21_034), tokens(21_034, estimated=True)
    assert shown == ("unknown", "21,034", "~21,034")


@pytest.mark.parametrize("sign", ["$", "~"])
def test_nothing_else_formats_them(sign: str) -> None:
    """No text puts a sign before a value of its own."""
    others = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        if path.name != "amounts.py"
        for line in signed_values(path, sign)
    ]
    assert not others


def signed_values(path: Path, sign: str) -> list[int]:
    """Lines of a source in which a value follows the sign."""
    lines = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.JoinedStr):
            ends = [
                isinstance(v, ast.Constant) and str(v.value).endswith(sign) for v in node.values
            ]
            values = [isinstance(v, ast.FormattedValue) for v in node.values]
            if any(end and value for end, value in zip(ends, values[1:], strict=False)):
                lines.append(node.lineno)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left = node.left
            if isinstance(left, ast.Constant) and str(left.value).endswith(sign):
                lines.append(node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            forms = (f"{sign}%.", f"{sign}{{:")
            lines += [node.lineno] if any(form in node.value for form in forms) else []
    return lines


def is_signed(text: ast.expr, value: ast.expr, sign: str) -> bool:
    """Whether a text with the sign at its end stands before a value."""
    is_value = isinstance(value, ast.FormattedValue)
    return is_value and isinstance(text, ast.Constant) and str(text.value).endswith(sign)
