"""Walks a body along the table: yields every field with its row, if it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.field_table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.fields.field_table import Field

# The shapes of whole bodies: the Messages API (InvokeModel included), and Converse.
REQUEST, CONVERSE = "request", "converse"


class Visit(NamedTuple):
    """One field or block of a body: its place, its row (or None), its value."""

    place: str
    row: Field | None
    value: Any


def visit(value: object, shape: str = REQUEST, place: str = "") -> Iterator[Visit]:
    """Yield every field of a value and every block in it, outer ones first.

    Parameters
    ----------
    value : object
        A body, or a part of one with this shape; a list stands for its items.
    shape : str
        Its shape in the table.
    place : str
        Its path, such as ``system[1]``; empty for a whole body.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from visit(item, shape, f"{place}[{index}]")
    elif isinstance(value, dict):
        shape_spec = table().shapes[shape]
        if shape_spec.by in (None, "key"):
            yield from _fields(value, shape, place)
            return
        row = shape_spec.rows.get(shape_spec.member_of(value))
        yield Visit(place, row, value)
        if row is not None:
            yield from _inner(value, row, place)


def unknown_fields(value: object, shape: str = REQUEST, place: str = "") -> list[str]:
    """The places of fields and blocks that the table does not list."""
    return [spot.place for spot in visit(value, shape, place) if spot.row is None]


def _fields(value: dict[str, Any], shape: str, place: str) -> Iterator[Visit]:
    rows = table().shapes[shape].rows
    for name, inner in value.items():
        row = rows.get(name)
        where = f"{place}.{name}" if place else name
        yield Visit(where, row, inner)
        if row is not None:
            yield from _inner(inner, row, where)


def _inner(value: object, row: Field, place: str) -> Iterator[Visit]:
    if row.holds is None or row.holds == "json":
        return
    kind, _, shape = row.holds.rpartition(":")
    if not kind:
        yield from visit(value, shape, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from visit(item, shape, f"{place}.{key}")
