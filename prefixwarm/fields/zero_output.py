"""Finds the fields that rule out a request for zero output tokens, or for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.parameters import TIERS
from prefixwarm.fields.visits import REQUEST, visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Obstacle(NamedTuple):
    """A field that rules out zero output tokens.

    Attributes
    ----------
    place : str
        Its path, such as ``tool_choice``.
    value : str
        Its value, or its type, such as ``any``.
    tier : str or None
        The first tier that depends on it; None if none does. A warm call of only the tiers before
        may leave it out.
    least : int or None
        The fewest output tokens it allows; None if even one token is too few.
    """

    place: str
    value: str
    tier: str | None
    least: int | None


def zero_obstacles(body: Mapping[str, Any], shape: str = REQUEST) -> list[Obstacle]:
    """Return the fields that rule out ``max_tokens`` 0 (and 1, if `Obstacle.least` is None).

    Parameters
    ----------
    body : mapping
        A request's body.
    shape : str
        ``request`` or ``converse``; Converse never allows zero.
    """
    return list(_obstacles(body, shape))


def _obstacles(body: Mapping[str, Any], shape: str) -> Iterator[Obstacle]:
    around = {name: value for name, value in body.items() if name not in (*TIERS, "toolConfig")}
    tier: str | None = None
    for place, row, value in visit(around, shape):
        if row is None:
            continue
        if row.tier != "own":
            tier = row.tier
        if value is not None and _is_in(value, row.zero):
            kind = value.get("type") if isinstance(value, dict) else value
            yield Obstacle(place, str(kind), tier, None if _is_in(value, row.one) else 1)


def _is_in(value: object, values: tuple[Any, ...] | str) -> bool:
    return value in values if isinstance(values, tuple) else values == "any"
