"""Records and deadlines: small values that everything rests on."""

from __future__ import annotations

import pytest

from prefixwarm.errors import DeadlineError
from prefixwarm.wire import deadline as deadlines
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record


class Point(Record):
    """Two fields, one of them with a default."""

    x: int
    y: int = 2


class Place(Point):
    """One field more."""

    name: str = ""


def test_fields_by_name() -> None:
    """Given, defaulted, inherited; shown in order."""
    assert repr(Place(name="here", x=1)) == "Place(x=1, y=2, name='here')"
    assert Point(x=1) == Point(x=1, y=2)
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Place(x=1)


def test_a_copy_with_changes() -> None:
    """The original stays."""
    point = Point(x=1)
    assert point.replace(y=3) == Point(x=1, y=3)
    assert point.y == 2


def test_refuses_other_fields() -> None:
    """Missing, unknown, changed: each is a mistake of the programmer's."""
    with pytest.raises(TypeError, match="Point: field 'x' is missing"):
        Point(y=1)
    with pytest.raises(TypeError, match="Point: unknown field 'z'"):
        Point(x=1, z=1)
    with pytest.raises(TypeError, match="unknown field 'z'"):
        Point(x=1).replace(z=1)
    with pytest.raises(AttributeError, match="'x' cannot be set"):
        Point(x=1).x = 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(x=1))


def test_a_deadline_is_never_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed down is the earlier moment."""
    now = [100.0]
    monkeypatch.setattr(deadlines, "monotonic", lambda: now[0])
    end = Deadline.after(5)
    assert (end.remaining(), end.expired, end.require("x")) == (5.0, False, 5.0)
    assert end.earliest(2).at == 102.0
    assert end.earliest(60).at == 105.0
    now[0] = 105.0
    assert (end.remaining(), end.expired) == (0.0, True)
    with pytest.raises(DeadlineError, match="out of time: reading"):
        end.require("reading")
