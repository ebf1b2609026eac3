"""Values of another kind than they should be, refused in one line that never shows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def expect(name: str, value: object, kind: type, example: str) -> None:
    """Refuse a value of another kind; None stands for one that was not given.

    Raises
    ------
    UsageError
        Naming the property and an example.
    """
    if value is not None and not isinstance(value, kind):
        raise UsageError(f"{name}: got a plain {type(value).__name__}; pass {example}")


def expect_several(name: str, values: Iterable[object] | None, example: str) -> None:
    """Refuse a single text or path where several may stand."""
    if isinstance(values, (str, Path)):
        raise UsageError(f"{name}: got one {type(values).__name__}; pass a list, as {example}")
