"""The parameters of a request that are part of the cache key, beside its blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.normal import normal_field
from prefixwarm.fields.table import table
from prefixwarm.fields.visits import CONVERSE, REQUEST, visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.fields.table import Field

TIERS = ("parameters", "tools", "system", "messages")

_BETAS = "anthropic-beta"
# How a caller logs in is no part of the prompt.
_NO_PROMPT = "oauth-"


class Parameter(NamedTuple):
    """One parameter in the cache key.

    Attributes
    ----------
    name : str
        As the Messages API calls it, such as ``output_config.effort``; a header's name; or what
        counts wherever it stands: ``citations``, ``images``.
    place : str
        Where the body holds it, such as ``outputConfig.effort``.
    tier : str
        Where a difference ends the common prefix: one of `TIERS`.
    value : object
        In normal form: without defaults.
    """

    name: str
    place: str
    tier: str
    value: Any


def parameters(
    body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, shape: str = REQUEST
) -> dict[str, Parameter]:
    """The parameters in the cache key by name, those that reach most first; defaults left out.

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
    found = [*_fields(body, shape, model, ""), *_anywhere(body.get("messages"), shape)]
    found += _headers(headers or {})
    merged: dict[str, Parameter] = {}
    for parameter in sorted(found, key=lambda p: TIERS.index(p.tier)):
        before = merged.get(parameter.name)
        merged[parameter.name] = _joined(before, parameter) if before else parameter
    return merged


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
    """Converse's choice in the form of the Messages API: its key as the type."""
    if table().shapes[shape].by != "key" or len(value) != 1:
        return value
    [(kind, more)] = value.items()
    return {"type": kind, **(more if isinstance(more, dict) else {})}


def _anywhere(messages: object, shape: str) -> Iterator[Parameter]:
    """What counts wherever it stands in the messages."""
    for spot in visit(messages, "Message" if shape == CONVERSE else "message", "messages"):
        counted = spot.row.parameter if spot.row else None
        if counted and ("when" not in counted or spot.value in counted["when"]):
            yield Parameter(counted["name"], counted["name"], counted["tier"], True)


def _headers(headers: Mapping[str, str]) -> Iterator[Parameter]:
    for name, row in table().shapes["headers"].rows.items():
        if row.tier is not None and headers.get(name):
            yield from _one(headers[name], row, "", f"headers.{name}", name)


def _betas(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    listed = {str(name).strip() for name in names} if isinstance(names, list) else set()
    return sorted(name for name in listed if name and not name.startswith(_NO_PROMPT))


def _joined(before: Parameter, parameter: Parameter) -> Parameter:
    """One parameter that stands at two places: betas add up, else the first one holds."""
    if parameter.name != _BETAS:
        return before
    return before._replace(value=sorted({*before.value, *parameter.value}))
