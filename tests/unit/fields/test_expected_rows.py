"""Every row is as `expected-rows.txt` says, by hand; and no row can be changed unnoticed."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.fields import field_table
from prefixwarm.fields.field_table import Field, table

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first two name the row; the others are compared with the SDKs' types in test_sdk_types.py,
# or free text.
ELSEWHERE = ("shape", "name", "holds", "required", "values", "source", "note")
# The sources by the key that rows cite, each with its URL and the day it was read.
SOURCES = json.loads(Path(field_table.__file__).with_name("sources.json").read_bytes())
DEFAULTS = {f.name: f.default for f in fields(Field) if f.name not in ELSEWHERE}


def _statements() -> Iterator[tuple[str, Any, list[str]]]:
    text = Path(__file__).with_name("expected-rows.txt").read_text()
    text = "".join(line for line in text.splitlines(keepends=True) if line[0] not in "#\n")
    groups: dict[str, str] = {}
    for statement in re.split(r"^(?=\S+ = )", text, flags=re.M)[1:]:
        column, _, rest = statement.partition(" = ")
        if column.startswith("@"):
            groups[column] = ",".join(rest.split())
            continue
        value, rest = rest.split("\n    ", 1)
        rows, source = rest.split("\n    -- ", 1)
        assert source.strip()
        yield column, json.loads(value), _named(rows, groups)


def _named(rows: str, groups: dict[str, str]) -> list[str]:
    """The rows that "a,b.c" or "a.b,c" names."""
    listed = re.sub(r"@\w+", lambda group: groups[group[0]], rows).split()
    pairs = [names.partition(".")[::2] for names in listed]
    return [f"{a}.{b}" for left, right in pairs for a in left.split(",") for b in right.split(",")]


def _expected() -> dict[tuple[str, str], Any]:
    expected: dict[tuple[str, str], Any] = {}
    for column, value, rows in _statements():
        for row in rows:
            assert (column, row) not in expected, f"{column} of {row} is stated twice"
            expected[column, row] = tuple(value) if _is_column_of_lists(column, value) else value
    return expected


def _is_column_of_lists(column: str, value: Any) -> bool:
    return isinstance(value, list) and column != "default"


EXPECTED = _expected()


def wrong_columns(row: Field) -> list[str]:
    """The columns of a row that are not as stated."""
    name = f"{row.shape}.{row.name}"
    stated = {column: EXPECTED.get((column, name), default) for column, default in DEFAULTS.items()}
    actual = {column: getattr(row, column) for column in DEFAULTS}
    # 1 is not True, though they are equal.
    return [c for c in DEFAULTS if (actual[c], type(actual[c])) != (stated[c], type(stated[c]))]


def test_each_row_is_as_stated() -> None:
    wrong = {f"{row.shape}.{row.name}": wrong_columns(row) for row in table().rows()}
    assert {name: columns for name, columns in wrong.items() if columns} == {}


def test_each_statement_is_about_a_row() -> None:
    names = {f"{row.shape}.{row.name}" for row in table().rows()}
    assert {row for _, row in EXPECTED} <= names


def test_no_row_can_be_changed_unnoticed() -> None:
    """Each value of each row, replaced by each other value of its column, is told."""
    rows = table().rows()
    unnoticed = []
    for column, default in DEFAULTS.items():
        values = [default, "another", *(getattr(row, column) for row in rows)]
        different = list({repr(value): value for value in values}.values())
        for row in rows:
            others = (value for value in different if value != getattr(row, column))
            changed = [replace(row, **{column: value}) for value in others]
            unnoticed += [one for one in changed if column not in wrong_columns(one)]
    assert not unnoticed


def _source(row: Field) -> str:
    return re.split("[#:]", row.source)[0]


def test_each_row_cites_a_source_and_each_source_is_cited() -> None:
    assert {_source(row) for row in table().rows()} == set(SOURCES)


@pytest.mark.parametrize("entry", SOURCES.values(), ids=SOURCES)
def test_sources_are_dated_pages(entry: dict[str, str]) -> None:
    assert entry.keys() == {"date", "url"}
    assert entry["url"].startswith("https://")
    assert re.fullmatch(r"2026-\d\d-\d\d", entry["date"])
