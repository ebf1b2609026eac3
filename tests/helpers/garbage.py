"""Typed garbage: documents that are almost right, or nothing of the kind."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.conftest import Tried


# Inputs for each boundary.
TRIES = chosen(dev=300, ci=500, full=20_000)
# Nothing that reads one input takes longer, on the busiest machine.
_SECONDS = 120

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**400, -(10**20), 1e308, float("inf"), float("nan")),
    *("", "x", "0", "\x00", "\x1b[2J\u202e\n", "\ud800", "9" * 400, "NaN", "é" * 300, "anthropic"),
    *([], {}, [[]], [None], {"": {}}, {"S": 5}, {"N": "x"}, {"SS": [1]}, {"NULL": True}),
    *([{"type": "text"}], {"type": "text", "text": 5}, ["a", 1], "2026-11-28T03:00:00Z"),
)


def garbled(document: Any, draw: Random) -> Any:
    """The document with one to three of its parts replaced, removed, added or moved."""
    if draw.random() < 0.05:
        return deepcopy(draw.choice(_VALUES))
    changed = deepcopy(document)
    for _ in range(draw.randint(1, 3)):
        place = _place(changed, draw)
        if place is None:
            return deepcopy(draw.choice(_VALUES))
        container, key = place
        kind = draw.random()
        if kind < 0.2 and isinstance(container, dict):
            del container[key]
        elif kind < 0.3 and isinstance(container, dict):
            container[draw.choice(("", "x", "version", "format", "é", "\ud800"))] = container[key]
        elif kind < 0.4:
            container[key] = [container[key]]
        else:
            container[key] = deepcopy(draw.choice(_VALUES))
    return changed


def garbled_text(document: Any, draw: Random) -> str:
    """The same as JSON text, which may be cut short, or nested too deeply."""
    if draw.random() < 0.02:
        opening = draw.choice(('{"a":', "["))
        return opening * draw.choice((50, 2_000, 100_000))
    text = json.dumps(garbled(document, draw))
    if draw.random() < 0.1:
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(("", "\x00", "}", '"', "\\u", "1e999")) + text[at + 1 :]
    return text


def garbled_bytes(document: Any, draw: Random) -> bytes:
    """The same as bytes, which may be no UTF-8."""
    data = garbled_text(document, draw).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        at = draw.randrange(len(data) + 1)
        data = data[:at] + draw.randbytes(draw.randrange(4)) + data[at + 1 :]
    return data


def _place(document: Any, draw: Random) -> tuple[Any, Any] | None:
    """A place somewhere in the document: its container, and its key there."""
    places = list(_places(document))
    return draw.choice(places) if places else None


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value) * isinstance(value, list))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


@contextmanager
def bounded(describe: Callable[[], object]) -> Iterator[None]:
    """What is done inside ends, or fails with what it was given."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"hangs on {describe()!r}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(
    name: str,
    read: Callable[[Random], object],
    error: type[Exception] | tuple[type[Exception], ...],
    tried: Tried,
    *,
    at_once: int = 1,
) -> None:
    """Read so many inputs, several at once if need be; nothing but the declared error comes out."""
    draw, refused, times = Random(name), 0, TRIES // at_once
    for number in range(times):
        state = draw.getstate()
        with bounded(lambda number=number: f"{name}, input {number}"):
            try:
                read(draw)
            except error:
                refused += 1
            except Exception as unexpected:
                draw.setstate(state)
                raise AssertionError(f"{name}, input {number}: {unexpected!r}") from unexpected
    several = f", {at_once} at once" if at_once > 1 else ""
    tried(times * at_once, f"inputs at the boundary: {name}{several}; {refused} refused")
    assert refused < times
