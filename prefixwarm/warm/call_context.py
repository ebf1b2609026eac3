"""Marks requests as warm calls, so that observers leave them out."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_WARMING: ContextVar[bool] = ContextVar("prefixwarm_warming", default=False)


@contextmanager
def warm_call() -> Iterator[None]:
    """Mark the requests of this thread or task as warm calls."""
    token = _WARMING.set(True)
    try:
        yield
    finally:
        _WARMING.reset(token)


def is_warm_call() -> bool:
    """Whether this thread or task is sending a warm call."""
    return _WARMING.get()
