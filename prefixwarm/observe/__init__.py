"""Observes an agent's requests: what they do to the cache, and whether they match the prefix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefixwarm.observe.anthropic_sdk import async_middleware, middleware
    from prefixwarm.observe.bedrock import watch
    from prefixwarm.observe.instrumentation import instrument
    from prefixwarm.observe.langchain_runs import langchain_callback
    from prefixwarm.observe.litellm_calls import litellm_callback
    from prefixwarm.observe.observer import Observer
    from prefixwarm.observe.spans import span_processor
    from prefixwarm.prefix.prefix_definition import Prefix

__all__ = [
    "Observer",
    "Prefix",
    "async_middleware",
    "instrument",
    "langchain_callback",
    "litellm_callback",
    "middleware",
    "span_processor",
    "watch",
]

_MODULES = {
    "Observer": "prefixwarm.observe.observer",
    "Prefix": "prefixwarm.prefix.prefix_definition",
    "async_middleware": "prefixwarm.observe.anthropic_sdk",
    "instrument": "prefixwarm.observe.instrumentation",
    "langchain_callback": "prefixwarm.observe.langchain_runs",
    "litellm_callback": "prefixwarm.observe.litellm_calls",
    "middleware": "prefixwarm.observe.anthropic_sdk",
    "span_processor": "prefixwarm.observe.spans",
    "watch": "prefixwarm.observe.bedrock",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
