"""What an agent may add to its own code: a prefix defined once, and eyes on what is sent."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefixwarm.observe.anthropic_sdk import async_middleware, middleware
    from prefixwarm.observe.bedrock import watch
    from prefixwarm.observe.observer import Observer
    from prefixwarm.prefix.prefix_definition import Prefix

__all__ = ["Observer", "Prefix", "async_middleware", "middleware", "watch"]

_MODULES = {
    "Observer": "prefixwarm.observe.observer",
    "Prefix": "prefixwarm.prefix.prefix_definition",
    "async_middleware": "prefixwarm.observe.anthropic_sdk",
    "middleware": "prefixwarm.observe.anthropic_sdk",
    "watch": "prefixwarm.observe.bedrock",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
