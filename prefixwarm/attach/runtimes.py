"""Decides from a runtime's name what the layer can do in it."""

from __future__ import annotations

import re

# What the packages and the layer need at least.
OLDEST_PYTHON = (3, 10)
# Lambda's runtimes of other languages; a custom runtime (`provided`) may have a Python.
_OTHERS = ("nodejs", "java", "dotnet", "ruby", "go")


def may_warm(runtime: str) -> bool:
    """Whether the runtime may have a Python, so that the layer can make warm calls."""
    return not runtime.startswith(_OTHERS)


def asks(runtime: str) -> bool:
    """Whether the runtime may lack a Python, so that the layer asks the keep-warm function."""
    return _python(runtime) is None


def is_too_old(runtime: str) -> bool:
    """Whether its Python is too old for the layer."""
    version = _python(runtime)
    return version is not None and version < OLDEST_PYTHON


def _python(runtime: str) -> tuple[int, ...] | None:
    version = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    return tuple(map(int, version.groups())) if version else None
