"""Runs code that must never fail the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from prefixwarm.errors import PrefixwarmError
from prefixwarm.observe.line_output import warn
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")


def without_fail(make: Callable[[], T]) -> T | None:
    """Return the result of `make`, or None and one log line if it fails."""
    try:
        return make()
    except PrefixwarmError as error:
        warn(printable(str(error)))
    except Exception as error:  # noqa: BLE001 - observing must never fail the agent
        warn(f"not observed: {type(error).__name__}")
    return None
