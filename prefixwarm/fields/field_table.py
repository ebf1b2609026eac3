"""The table: one row per field and block type of the Messages API, InvokeModel and Converse.

The rows are data, in the JSON files next to this module. A *shape* is either an object of a
request, with a row per field, or a choice between objects, with a row per block type (or role,
or only key). `Shape.by` says what tells the members of a choice apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# The files of the table; `sources.json` holds the URL and date of each cited source.
FILES = ("request", "tools", "content", "converse")


@dataclass(frozen=True)
class Field:
    """One row: a field or a block type.

    Attributes
    ----------
    shape, name : str
        The shape it belongs to, and the field's name or the block's type.
    holds : str or None
        The shape of its value or of each of its items; ``map:SHAPE`` for an object with keys of
        the caller's choice, ``json`` for data the provider does not interpret; None for plain
        values.
    required : bool
        Whether the SDK's types require it.
    values : list
        The allowed values, if there are only a few.
    tier : str or None
        Where a difference ends the common prefix: ``tools``, ``system`` or ``messages``;
        ``parameters`` if every tier depends on it; ``own`` for the tier of the block or parameter
        that holds it; ``inside`` if its inner fields decide; None if it is not in the cache key.
    parameter : dict or None
        For content that counts anywhere in the messages, such as images: the ``name`` of the
        parameter, its ``tier``, and the values that count (``when``).
    scope : str
        ``agent``: all requests of an agent have it, and so does the warm call. The others are
        left out of a warm call: ``reply`` affects only the reply, ``run`` belongs to one run or
        conversation, ``request`` to one request or user.
    default : object
        The value that is equivalent to leaving the field out; `...` if there is none.
    defaults : list of dict
        Defaults by model: ``models`` (``*`` is any) and ``value``; the first match wins.
    zero, one : list or str
        Values that the provider refuses with zero output tokens, or with one; ``any``.
    strips : list or str
        Values that keep the enclosing object out of the prompt; ``any``.
    clears : list
        Values that remove its message from the prompt once a later user message follows.
    breakpoint : str or None
        For a block type: can it carry a breakpoint? ``yes``, ``no`` or ``unsettled``.
    unmarked : list
        Values that keep the enclosing block from carrying one.
    together : bool
        For a block type: whether adjacent blocks count as one look-back position.
    same_as : str or None
        The name of the same thing in the Messages API or its headers.
    since : str or None
        The model, tool version or ``beta:NAME`` that introduced it.
    not_on, only_on : list of str
        Routes that refuse it; the only routes that accept it.
    unlisted : str or None
        Why it is in no SDK's types.
    source : str
        The source: a key of `sources`, and the section or file.
    note : str or None
        Anything the other columns cannot express.
    """

    shape: str
    name: str
    holds: str | None = None
    required: bool = False
    values: tuple[Any, ...] = ()
    tier: str | None = "own"
    parameter: Mapping[str, Any] | None = None
    scope: str = "agent"
    default: Any = ...
    defaults: tuple[Mapping[str, Any], ...] = ()
    zero: tuple[Any, ...] | str = ()
    one: tuple[Any, ...] | str = ()
    strips: tuple[Any, ...] | str = ()
    clears: tuple[Any, ...] = ()
    breakpoint: str | None = None
    unmarked: tuple[Any, ...] = ()
    together: bool = False
    same_as: str | None = None
    since: str | None = None
    not_on: tuple[str, ...] = ()
    only_on: tuple[str, ...] = ()
    unlisted: str | None = None
    source: str = ""
    note: str | None = None

    @property
    def left_out(self) -> bool:
        """Whether a warm call leaves it out."""
        return self.scope != "agent"

    def default_for(self, model: str) -> Any:
        """The model's default value; `...` if it has none or it is not known."""
        for entry in self.defaults:
            if any(_is_model(name, model) for name in entry["models"]):
                return ... if entry["value"] is None else entry["value"]
        return self.default


@dataclass(frozen=True)
class Shape:
    """An object of a request, or a choice between objects.

    Attributes
    ----------
    name : str
        Its name in the table; ``request``, ``headers`` and ``converse`` are whole requests.
    by : str or None
        What distinguishes the members of a choice: ``type``, ``role``, or ``key`` for the object's
        only key; None for a plain object.
    otherwise : str or None
        The member that an object without that field is.
    rows : mapping of str to Field
        By field name, or by member.
    """

    name: str
    by: str | None
    otherwise: str | None
    rows: Mapping[str, Field]

    def member_of(self, value: Mapping[str, Any]) -> str:
        """Which member of a choice an object claims to be."""
        kind = value.get(str(self.by))
        return str(self.otherwise if kind is None else kind)


class Table:
    """All rows.

    Parameters
    ----------
    documents : mapping
        By shape name: ``rows``, and the shape's ``by``, ``otherwise`` and ``source``.
    """

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.shapes = {name: _shape(name, document) for name, document in documents.items()}

    def row(self, shape: str, name: str) -> Field:
        """One row, which must exist."""
        return self.shapes[shape].rows[name]

    def rows(self) -> list[Field]:
        """Every row."""
        return [row for shape in self.shapes.values() for row in shape.rows.values()]


@cache
def table() -> Table:
    """The table, read once."""
    return Table(documents())


def documents() -> dict[str, Any]:
    """The table as stored in its files, by shape name."""
    return {name: shape for file in FILES for name, shape in _read(file).items()}


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_bytes())
    return document


def _shape(name: str, document: Mapping[str, Any]) -> Shape:
    rows = {
        key: Field(name, key, **_columns({"source": document["source"], **columns}))
        for key, columns in document["rows"].items()
    }
    return Shape(name, document.get("by"), document.get("otherwise"), rows)


def _columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as tuples, except defaults, which are compared with request values."""
    return {
        name: tuple(value) if isinstance(value, list) and name != "default" else value
        for name, value in columns.items()
    }


def _is_model(name: str, model: str) -> bool:
    """Whether any provider's id names this model: `claude-opus-5` is not `claude-opus-5-5`."""
    if name == "*":
        return True
    _, matched, after = model.partition(name)
    version = after.removeprefix("-").removeprefix(".")
    return bool(matched) and not (after != version and _short_number(version))


def _short_number(text: str) -> bool:
    digits = len(text) - len(text.lstrip("0123456789"))
    return 0 < digits < 3
