"""What the layer can do in a function's runtime, by the runtime's name."""

from __future__ import annotations

import re

_OLDEST = (3, 10)
# Lambda's own runtimes of other languages; in one of one's own (`provided`) there may be a Python.
_OTHERS = ("nodejs", "java", "dotnet", "ruby", "go")


def may_warm(runtime: str) -> bool:
    """Whether there may be a Python, which makes warm calls itself."""
    return not runtime.startswith(_OTHERS)


def asks(runtime: str) -> bool:
    """Whether there may be none, so that the layer asks the keep-warm function instead."""
    return _python(runtime) is None


def is_too_old(runtime: str) -> bool:
    """Whether its Python is older than those that the layer works with."""
    version = _python(runtime)
    return version is not None and version < _OLDEST


def _python(runtime: str) -> tuple[int, ...] | None:
    version = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    return tuple(map(int, version.groups())) if version else None
