"""Reduces a value to its normal form: the part of it that is in the cache key.

Removes breakpoints, fields outside the key, explicit defaults and nulls. Keeps fields that the
table does not list, and the order of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.breakpoint_field import MARKER, unmarked
from prefixwarm.fields.field_table import table

if TYPE_CHECKING:
    from prefixwarm.fields.field_table import Field


def normal(value: Any, shape: str, model: str = "") -> Any:
    """Return a value without the parts that are not in the cache key.

    Parameters
    ----------
    value : object
        JSON: a block, a parameter's value, or a list of them.
    shape : str
        Its shape in the table.
    model : str
        The request's model, for defaults that depend on it.

    Returns
    -------
    object
        The value itself if nothing is to be removed.
    """
    if isinstance(value, list):
        return [normal(item, shape, model) for item in value]
    if not isinstance(value, dict):
        return value
    shape_spec = table().shapes[shape]
    if shape_spec.by not in (None, "key"):
        row = shape_spec.rows.get(shape_spec.member_of(value))
        return unmarked(value) if row is None else _inside(value, row, model)
    key_fields = {}
    for name, inner in value.items():
        row = shape_spec.rows.get(name)
        if row is None:
            if name != MARKER:
                key_fields[name] = inner
        elif row.tier is not None and inner is not None:
            choice = shape_spec.by == "key"
            left = _inside(inner, row, model) if choice else normal_field(inner, row, model)
            if left is not ...:
                key_fields[name] = left
    return key_fields


def normal_field(value: Any, row: Field, model: str = "") -> Any:
    """The normal form of a field's value; `...` if it is equivalent to leaving the field out."""
    left = _inside(value, row, model)
    if left == row.default_for(model):
        return ...
    # An object of only defaults has no effect; an empty one may, such as Converse's auto.
    emptied = left == {} and value != {}
    return ... if emptied and not row.required else left


def _inside(value: Any, row: Field, model: str) -> Any:
    if row.holds is None or row.holds == "json":
        return value
    kind, _, shape = row.holds.rpartition(":")
    if not kind:
        return normal(value, shape, model)
    if not isinstance(value, dict):
        return value
    return {key: normal(item, shape, model) for key, item in value.items()}
