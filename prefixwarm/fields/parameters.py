"""Finds the parameters of a request that are part of the cache key, besides its blocks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.field_table import table
from prefixwarm.fields.normal import normal_field
from prefixwarm.fields.visits import CONVERSE, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.fields.field_table import Field

# The parts of a prompt in the order in which a cache reads them; the parameters of all of them
# come first.
TIERS = ("tools", "system", "messages")
PARAMETER_TIERS = ("parameters", *TIERS)

# Where to search for content that counts anywhere, and the shape of each place.
_COUNTED = {"tools": "tool", "messages": "message"}
_BETAS = "anthropic-beta"
# Authentication is not part of the prompt.
_NO_PROMPT = "oauth-"


class Parameter(NamedTuple):
    """One parameter in the cache key.

    Attributes
    ----------
    name : str
        Its name in the Messages API, such as ``output_config.effort``; a header's name; or content
        that counts anywhere: ``citations``, ``images``.
    place : str
        Its path in the body, such as ``outputConfig.effort``; for a header, its name.
    tier : str
        Where a difference ends the common prefix: one of `PARAMETER_TIERS`.
    value : object
        Normal form, without defaults.
    """

    name: str
    place: str
    tier: str
    value: Any


def parameters(
    body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, shape: str = REQUEST
) -> dict[str, Parameter]:
    """Return the parameters in the cache key by name, those affecting most tiers first.

    Defaults are left out.

    Parameters
    ----------
    body : mapping
        A request's body.
    headers : mapping of str to str, optional
        Its headers.
    shape : str
        ``request`` or ``converse``.
    """
    model = str(body.get("modelId" if shape == CONVERSE else "model") or "")
    all_parameters = [*_fields(body, shape, model, ""), *_anywhere(body, shape)]
    all_parameters += _headers(headers or {})
    merged: dict[str, Parameter] = {}
    for parameter in sorted(all_parameters, key=lambda p: PARAMETER_TIERS.index(p.tier)):
        before = merged.get(parameter.name)
        merged[parameter.name] = _joined(before, parameter) if before else parameter
    return merged


def counted_anywhere(body: Mapping[str, Any], shape: str = REQUEST) -> list[str]:
    """The names of parameters that a body has because of its content, such as images."""
    return sorted({parameter.name for parameter in _anywhere(body, shape)})


def _fields(
    body: Mapping[str, Any], shape: str, model: str, place: str, alias: str = ""
) -> Iterator[Parameter]:
    for name, row in table().shapes[shape].rows.items():
        value = body.get(name)
        if value is None or row.tier is None:
            continue
        where = f"{place}.{name}" if place else name
        known_as = row.same_as or f"{alias}{name}"
        if row.tier != "inside":
            yield from _one(value, row, model, where, known_as)
        elif isinstance(value, dict) and row.holds is not None:
            inner = "" if row.holds == REQUEST else f"{known_as}."
            yield from _fields(value, row.holds, model, where, inner)


def _one(value: Any, row: Field, model: str, place: str, name: str) -> Iterator[Parameter]:
    left = normal_field(value, row, model)
    if name == _BETAS:
        left = _betas(value) or ...
    elif isinstance(left, dict) and row.holds in table().shapes:
        left = _with_type(left, row.holds)
    if left is not ...:
        yield Parameter(name, place, str(row.tier), left)


def _with_type(value: dict[str, Any], shape: str) -> dict[str, Any]:
    """Converse's choice in the Messages API's form: its key as the type."""
    if table().shapes[shape].by != "key" or len(value) != 1:
        return value
    [(kind, more)] = value.items()
    return {"type": kind, **(more if isinstance(more, dict) else {})}


def _anywhere(body: Mapping[str, Any], shape: str) -> Iterator[Parameter]:
    """Content that counts anywhere in the tools (deferred ones included) or the messages."""
    places = {"messages": "Message"} if shape == CONVERSE else _COUNTED
    counted: dict[str, Parameter] = {}
    for place, inner in places.items():
        for one in _inside(body.get(place), inner):
            name, tier = one["name"], one["tier"]
            counted[name] = Parameter(name, name, tier, True)
    yield from counted.values()


def _inside(value: object, shape: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, shape)
    elif isinstance(value, dict):
        choice = table().shapes[shape]
        member = None if choice.by in (None, "key") else choice.member_of(value)
        for name, row in _counting_rows(shape).items():
            if member is None and name in value:
                yield from _of_row(value[name], row)
            elif name == member:
                yield from _of_row(value, row)


def _of_row(value: object, row: Field) -> Iterator[Mapping[str, Any]]:
    counted = row.parameter
    if counted and ("when" not in counted or value in counted["when"]):
        yield counted
    if row.holds in table().shapes and _counting_rows(row.holds):
        yield from _inside(value, row.holds)


@cache
def _counting_rows(shape: str) -> dict[str, Field]:
    """The rows of a shape that are, or contain, content that counts anywhere."""
    rows = table().shapes[shape].rows
    return {name: row for name, row in rows.items() if _counts(row, frozenset({shape}))}


def _counts(row: Field, above: frozenset[str]) -> bool:
    if row.parameter:
        return True
    if row.holds is None or row.holds in above or row.holds not in table().shapes:
        return False
    inner = table().shapes[row.holds].rows.values()
    return any(_counts(one, above | {row.holds}) for one in inner)


def _headers(headers: Mapping[str, str]) -> Iterator[Parameter]:
    for name, row in table().shapes["headers"].rows.items():
        if row.tier is not None and headers.get(name):
            yield from _one(headers[name], row, "", name, name)


def _betas(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    listed = {str(name).strip() for name in names} if isinstance(names, list) else set()
    return sorted(name for name in listed if name and not name.startswith(_NO_PROMPT))


def _joined(before: Parameter, parameter: Parameter) -> Parameter:
    """Merge one parameter from two places: betas add up; otherwise the first wins."""
    if parameter.name != _BETAS:
        return before
    return before._replace(value=sorted({*before.value, *parameter.value}))
