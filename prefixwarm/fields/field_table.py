"""The table: one row a field and block type of the Messages API, of InvokeModel and of Converse.

The rows are data, in the JSON files beside this module. A *shape* is an object of a request, with
a row a field; or a choice of such objects, with a row a block type (or role, or only key). The
key of a choice's rows is what `Shape.by` names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# The files of the table; `sources.json` holds the address and date of what rows cite.
FILES = ("request", "tools", "content", "converse")


@dataclass(frozen=True)
class Field:
    """One row: a field or a block type.

    Attributes
    ----------
    shape, name : str
        Where it belongs: the shape, and the field's name or the block's type.
    holds : str or None
        The shape of its value or of each of its items; ``map:SHAPE`` for an object with keys of
        the caller's choice, ``json`` for what the provider does not read; None for plain values.
    required : bool
        Whether the SDK's types demand it.
    values : list
        The words that it takes, where they are few.
    tier : str or None
        Where a difference ends the common prefix: ``tools``, ``system`` or ``messages``;
        ``parameters`` where every tier depends on it; ``own`` where that is the tier of the
        block, or the parameter, that holds it; ``inside`` where its inner fields say; None where
        it is not in the cache key.
    parameter : dict or None
        What counts wherever it stands in the messages, such as images: the ``name`` of the
        parameter, its ``tier``, and the values that count (``when``).
    scope : str
        ``agent``: all requests of an agent have it, and so has the warm call. What is left out
        of a warm call: ``reply`` concerns the reply alone, ``run`` belongs to one run or
        conversation, ``request`` to one request or user.
    default : object
        The value that equals none; `...` where there is no such value.
    defaults : list of dict
        The same by model: ``models`` (``*`` is any) and ``value``; the first that fits.
    zero, one : list or str
        Values that the provider refuses together with zero output tokens, or with one; ``any``.
    strips : list or str
        Values with which the object that holds it is no part of the prompt; ``any``.
    clears : list
        Values with which its message leaves the prompt once a later user message stands there.
    breakpoint : str or None
        Of a block type: whether it can carry a breakpoint: ``yes``, ``no`` or ``unsettled``.
    unmarked : list
        Values with which the block that holds it cannot carry one.
    together : bool
        Of a block type: whether neighbours of it count as one position of the look-back.
    same_as : str or None
        The name by which the Messages API, or its header, knows the same thing.
    since : str or None
        The model, tool version or ``beta:NAME`` that it came with.
    not_on, only_on : list of str
        Routes that refuse it; the only ones that take it.
    unlisted : str or None
        Why no SDK's types know it.
    source : str
        What says so: a key of `sources`, and the section or file.
    note : str or None
        What the other columns cannot say.
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
        """Whether a warm call goes without it."""
        return self.scope != "agent"

    def default_for(self, model: str) -> Any:
        """The value that equals none for this model; `...` where there is none, or none known."""
        for entry in self.defaults:
            if any(_is_model(name, model) for name in entry["models"]):
                return ... if entry["value"] is None else entry["value"]
        return self.default


@dataclass(frozen=True)
class Shape:
    """An object of a request, or a choice of such.

    Attributes
    ----------
    name : str
        Its name in the table; ``request``, ``headers`` and ``converse`` are whole ones.
    by : str or None
        What tells the members of a choice apart: ``type``, ``role``, or ``key`` where it is the
        object's only key; None for a plain object.
    otherwise : str or None
        The member that an object without such a field is.
    rows : mapping of str to Field
        By field name, or by member.
    """

    name: str
    by: str | None
    otherwise: str | None
    rows: Mapping[str, Field]

    def member_of(self, value: Mapping[str, Any]) -> str:
        """Which member of a choice an object says that it is."""
        kind = value.get(str(self.by))
        return str(self.otherwise if kind is None else kind)


class Table:
    """All rows.

    Parameters
    ----------
    documents : mapping
        By shape name: ``rows``, and ``by``, ``otherwise`` and ``source`` of all of them.
    """

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.shapes = {name: _shape(name, document) for name, document in documents.items()}

    def row(self, shape: str, name: str) -> Field:
        """One row, which must be there."""
        return self.shapes[shape].rows[name]

    def rows(self) -> list[Field]:
        """Every row."""
        return [row for shape in self.shapes.values() for row in shape.rows.values()]


@cache
def table() -> Table:
    """The table, read once."""
    return Table(documents())


def documents() -> dict[str, Any]:
    """The table as it stands in its files, shapes by name."""
    return {name: shape for file in FILES for name, shape in _read(file).items()}


@cache
def sources() -> dict[str, dict[str, str]]:
    """By the key that rows cite: ``url``, and ``date``, the day of the copy that was read."""
    return _read("sources")


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
    """Lists as tuples, but for a default, which is compared with what a request holds."""
    return {
        name: tuple(value) if isinstance(value, list) and name != "default" else value
        for name, value in columns.items()
    }


def _is_model(name: str, model: str) -> bool:
    """Whether an id is of this model, whichever provider spells it: `claude-opus-5` is not 5-5."""
    if name == "*":
        return True
    _, matched, after = model.partition(name)
    version = after.removeprefix("-").removeprefix(".")
    return bool(matched) and not (after != version and _short_number(version))


def _short_number(text: str) -> bool:
    digits = len(text) - len(text.lstrip("0123456789"))
    return 0 < digits < 3
