"""The table against the types of the installed SDKs: neither knows what the other does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
import typing_extensions
from anthropic.types import message_create_params as general
from anthropic.types.beta import message_create_params as beta
from botocore.loaders import Loader

from prefixwarm.fields.field_table import Field, Table, table

# Both are lists of names that grow with each release, and any other name is taken, too.
_OPEN = ("model", "betas")


@dataclass
class Stated:
    """What the types say of one row, wherever they meet it."""

    required: set[bool] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    inner: set[bool] = field(default_factory=set)
    in_beta_only: bool = True


@dataclass
class Walk:
    """The rows that the types lead to, and what the table does not know of them."""

    table: Table
    rows: dict[tuple[str, str], Stated] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    seen: set[tuple[Any, str]] = field(default_factory=set)
    beta: bool = False

    def meet(self, shape: str, name: str) -> tuple[Field | None, Stated]:
        row = self.table.shapes[shape].rows.get(name)
        if row is None:
            self.missing.add(f"{shape}.{name}")
        stated = self.rows.setdefault((shape, name), Stated())
        stated.in_beta_only &= self.beta
        return row, stated


def of_anthropic(table: Table) -> Walk:
    """The parameters of `messages.create`, of the API and of its betas."""
    walk = Walk(table)
    for module in (general, beta):
        walk.beta = module is beta
        for name in ("MessageCreateParamsNonStreaming", "MessageCreateParamsStreaming"):
            _typed_dict(walk, getattr(module, name), "request")
    return walk


def _typed_dict(walk: Walk, kind: Any, shape: str) -> None:
    if (kind, shape, walk.beta) in walk.seen:
        return
    walk.seen.add((kind, shape, walk.beta))
    for name, hint in typing_extensions.get_type_hints(kind, include_extras=True).items():
        row, stated = walk.meet(shape, name)
        stated.required.add("Required" in str(get_origin(hint)))
        hint = _bare(hint)
        words = {str(word) for word in _words(hint)}
        stated.values |= words if name not in _OPEN else set()
        inner = list(_dicts(hint))
        stated.inner.add(bool(inner))
        for one in inner if row is not None else ():
            _member(walk, one, row)


def _member(walk: Walk, kind: Any, row: Field) -> None:
    """One of the objects that a field may hold."""
    target = (row.holds or "").rpartition(":")[2]
    shape = walk.table.shapes.get(target)
    if kind is object or shape is None:
        if kind is not object and row.holds != "json":
            walk.missing.add(f"{row.shape}.{row.name} holds {kind.__name__}")
        return
    if shape.by is None:
        _typed_dict(walk, kind, target)
        return
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    for word in _words(_bare(hints[shape.by])):
        member, stated = walk.meet(target, str(word))
        stated.inner.add(True)
        if member is not None and member.holds is not None:
            _typed_dict(walk, kind, member.holds)


def _bare(hint: Any) -> Any:
    while str(get_origin(hint)).endswith("Required"):
        hint = get_args(hint)[0]
    return hint


def _words(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return [word for word in get_args(hint) if isinstance(word, str)]
    if typing_extensions.is_typeddict(hint) or get_origin(hint) is dict:
        return []
    return [word for inner in get_args(hint) for word in _words(inner)]


def _dicts(hint: Any) -> list[Any]:
    """The typed objects in a hint, and `object` for those that may hold anything."""
    if typing_extensions.is_typeddict(hint) or hint is object:
        return [hint]
    inner = get_args(hint)[1:] if get_origin(hint) is dict else get_args(hint)
    return [kind for one in inner if get_origin(hint) is not Literal for kind in _dicts(one)]


def of_botocore(table: Table) -> Walk:
    """The requests of Converse and ConverseStream in the service model."""
    walk = Walk(table)
    shapes = Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]
    for name in ("ConverseRequest", "ConverseStreamRequest"):
        _structure(walk, shapes, name, "converse")
    return walk


def _structure(walk: Walk, shapes: dict[str, Any], name: str, shape: str) -> None:
    if (name, shape, False) in walk.seen:
        return
    walk.seen.add((name, shape, False))
    needed = shapes[name].get("required", ())
    for member, target in shapes[name]["members"].items():
        row, stated = walk.meet(shape, member)
        stated.required.add(member in needed)
        kind = _held(shapes, target["shape"])
        stated.inner.add(kind is not None)
        stated.values |= set(shapes[target["shape"]].get("enum", ()))
        if row is None or kind is None or shapes[kind].get("document"):
            continue
        held = (row.holds or "").rpartition(":")[2]
        if held in walk.table.shapes:
            _structure(walk, shapes, kind, held)
        else:
            walk.missing.add(f"{shape}.{member} holds {kind}")


def _held(shapes: dict[str, Any], name: str) -> str | None:
    kind = shapes[name]["type"]
    if kind == "structure":
        return name
    inner = {"list": "member", "map": "value"}.get(kind)
    return _held(shapes, shapes[name][inner]["shape"]) if inner else None


WALKS = {"anthropic": of_anthropic, "botocore": of_botocore}


@cache
def _walk(sdk: str) -> Walk:
    return WALKS[sdk](table())


@pytest.mark.parametrize("sdk", WALKS)
def test_the_table_knows_every_field_that_the_sdk_knows(sdk: str) -> None:
    assert not _walk(sdk).missing


def test_what_no_sdk_knows_says_why() -> None:
    walked = {*_walk("anthropic").rows, *_walk("botocore").rows}
    silent = [f"{r.shape}.{r.name}" for r in table().rows() if (r.shape, r.name) not in walked]
    explained = [f"{row.shape}.{row.name}" for row in table().rows() if row.unlisted]
    assert sorted(silent) == sorted(explained)


def _disagreements(row: Field, stated: Stated) -> list[str]:
    """The columns of a row that say something else than the types."""
    agree = {
        "required": not stated.required or row.required == (stated.required == {True}),
        "values": {str(value) for value in row.values} == stated.values,
        "holds": stated.inner == {row.holds is not None},
    }
    return [f"{row.shape}.{row.name} {column}" for column, right in agree.items() if not right]


@pytest.mark.parametrize("sdk", WALKS)
def test_rows_agree_with_the_sdk_about_what_must_be_there_and_which_words_there_are(
    sdk: str,
) -> None:
    rows = [(table().row(*key), stated) for key, stated in _walk(sdk).rows.items()]
    assert not [wrong for row, stated in rows for wrong in _disagreements(row, stated)]


@pytest.mark.parametrize("sdk", WALKS)
def test_a_wrong_row_is_told(sdk: str) -> None:
    """Whichever row is changed in what the types say, the comparison above fails."""
    unnoticed = []
    for key, stated in _walk(sdk).rows.items():
        row = table().row(*key)
        changed = [
            replace(row, holds=None if row.holds else "json"),
            replace(row, values=(*row.values, "another")),
            *(replace(row, values=row.values[1:]) for _ in row.values[:1]),
            *(replace(row, required=not row.required) for _ in stated.required and [1]),
        ]
        unnoticed += [wrong for wrong in changed if not _disagreements(wrong, stated)]
    assert not unnoticed


def test_what_only_the_betas_know_names_its_beta() -> None:
    walk = _walk("anthropic")
    general = {shape for (shape, _), stated in walk.rows.items() if not stated.in_beta_only}
    silent = [
        f"{shape}.{name}"
        for (shape, name), stated in walk.rows.items()
        if stated.in_beta_only and shape in general
        if not str(table().row(shape, name).since).startswith("beta:") and name != "betas"
    ]
    assert not silent
