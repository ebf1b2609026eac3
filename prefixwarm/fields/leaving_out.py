"""Removes fields that belong to one run, request or reply from a warm call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.field_table import table
from prefixwarm.fields.visits import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping


def without_one_run(
    body: Mapping[str, Any], shape: str = REQUEST
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a body without the fields that a warm call leaves out.

    Parameters
    ----------
    body : mapping
        A request's body; not modified.
    shape : str
        ``request`` or ``converse``.

    Returns
    -------
    dict
        The remaining body.
    dict of str to str
        The removed places, each with its scope: ``reply``, ``run`` or ``request``.
    """
    remaining: dict[str, Any] = {}
    left: dict[str, str] = {}
    rows = table().shapes[shape].rows
    for name, value in body.items():
        row = rows.get(name)
        inner = row.holds if row is not None and isinstance(value, dict) else None
        if row is not None and inner and (row.tier == "inside" or not row.left_out):
            rest = _without(value, inner, name, left)
            if rest or not value:
                remaining[name] = rest
        elif row is None or not row.left_out:
            remaining[name] = value
        else:
            left[name] = row.scope
    return remaining, left


def _without(value: dict[str, Any], shape: str, place: str, left: dict[str, str]) -> dict[str, Any]:
    if shape not in table().shapes or table().shapes[shape].by is not None:
        return value
    rest, inside = without_one_run(value, shape)
    left.update({f"{place}.{name}": scope for name, scope in inside.items()})
    return rest
