"""What the layer can do in a function's runtime."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_


_OLDEST = (3, 10)
# Lambda's own runtimes of other languages; in one of one's own (`provided`) there may be a Python.
_OTHERS = ("nodejs", "java", "dotnet", "ruby", "go")


def may_warm(function: lambda_.Function) -> bool:
    """Whether there may be a Python, which makes warm calls itself."""
    return not function.runtime.name.startswith(_OTHERS)


def asks(function: lambda_.Function) -> bool:
    """Whether there may be none, so that the layer asks the keep-warm function instead."""
    return _python(function) is None


def is_too_old(function: lambda_.Function) -> bool:
    """Whether its Python is older than those that the layer works with."""
    version = _python(function)
    return version is not None and version < _OLDEST


def _python(function: lambda_.Function) -> tuple[int, ...] | None:
    version = re.fullmatch(r"python(\d+)\.(\d+)", function.runtime.name)
    return tuple(map(int, version.groups())) if version else None
