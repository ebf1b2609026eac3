"""Checks Converse requests against AWS's shapes, with AWS's error wording.

The table is botocore's service model, written by ``scripts/update-converse-shapes``.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from prefixwarm.simulator.api_errors import ApiError, refused_by_aws

Json = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "blob": (str,),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
}


@cache
def _shapes() -> dict[str, Json]:
    text = Path(__file__).with_name("converse-shapes.json").read_text("utf-8")
    shapes: dict[str, Json] = json.loads(text)
    return shapes


def check(value: Any, name: str, place: str = "") -> None:
    """Check a value against a shape.

    Parameters
    ----------
    value : object
        Parsed JSON.
    name : str
        The shape's name, such as ``ConverseRequest``.
    place : str
        Its path, such as ``messages.0.content``; empty for the whole body.

    Raises
    ------
    ApiError
        400 ``ValidationException`` or ``SerializationException``.
    """
    shape = _shapes()[name]
    if shape.get("document"):
        return
    _check_type(value, shape["type"], place)
    if shape["type"] == "structure":
        _check_structure(value, name, shape, place)
    elif shape["type"] in ("list", "map"):
        _check_many(value, shape, place)
    else:
        _check_plain(value, shape, place)


def _check_type(value: Any, kind: str, place: str) -> None:
    fits = isinstance(value, _TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")
    if not fits:
        raise ApiError(
            400,
            f"{place or 'body'}: {type(value).__name__} cannot be converted to {kind}",
            error_type="SerializationException",
        )


def _check_structure(value: Json, name: str, shape: Json, place: str) -> None:
    members: dict[str, str] = shape["members"]
    present = {key: inner for key, inner in value.items() if inner is not None}
    for key in present:
        if key not in members:
            raise refused_by_aws(
                f"Malformed input request: extraneous key [{_inside(place, key)}] is not "
                "permitted, please reformat your input and try again."
            )
    for key in shape.get("required", ()):
        if key not in present:
            raise _constraint_error("null", _inside(place, key), "Member must not be null")
    if shape.get("union") and len(present) != 1:
        only = "can only" if present else "must"
        raise refused_by_aws(
            f"{name} object at {place} {only} set one of the following keys: {', '.join(members)}."
        )
    for key, inner in present.items():
        check(inner, members[key], _inside(place, key))


def _check_many(value: Any, shape: Json, place: str) -> None:
    _check_size(len(value), shape, "length", place)
    inner = shape.get("member") or shape["value"]
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        check(item, inner, _inside(place, str(key)))


def _check_plain(value: Any, shape: Json, place: str) -> None:
    number = shape["type"] in ("integer", "float")
    if number or isinstance(value, str):
        kind = "value" if number else "length"
        _check_size(value if number else len(value), shape, kind, place, value)
    if "enum" in shape and value not in shape["enum"]:
        options = ", ".join(shape["enum"])
        raise _constraint_error(value, place, f"Member must satisfy enum value set: [{options}]")
    if "pattern" in shape and not re.fullmatch(shape["pattern"], value):
        constraint = f"Member must satisfy regular expression pattern: {shape['pattern']}"
        raise _constraint_error(value, place, constraint)


def _check_size(size: float, shape: Json, kind: str, place: str, value: Any = None) -> None:
    for bound, comparison in (("min", "greater"), ("max", "less")):
        limit = shape.get(bound)
        if limit is not None and (size < limit if bound == "min" else size > limit):
            constraint = f"Member must have {kind} {comparison} than or equal to {limit}"
            raise _constraint_error("" if value is None else value, place, constraint)


def _constraint_error(value: Any, place: str, constraint: str) -> ApiError:
    member = re.sub(r"\.(\d+)", lambda match: f".{int(match[1]) + 1}.member", place)
    shown = value if value == "null" else f"'{value}'"
    return refused_by_aws(
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy "
        f"constraint: {constraint}"
    )


def _inside(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
