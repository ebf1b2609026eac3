"""An OpenTelemetry span processor for model calls traced by the GenAI conventions.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (attributes of the cache:
``gen_ai.usage.cache_read.input_tokens``, ``gen_ai.usage.cache_creation.input_tokens``).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.latest import Latest
from prefixwarm.observe.usage_only import UsageWatch
from prefixwarm.state.outcome import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.observe.observer import Observer


_USAGE = "gen_ai.usage."
# Operations that are single model calls, not a whole agent run with summed usage.
_OPERATIONS = ("chat", "generate_content", "text_completion")
_READ = ("cache_read.input_tokens", "cache_read_input_tokens")
_WRITTEN = (
    "cache_creation.input_tokens",
    "cache_write.input_tokens",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
)


def span_processor(prefix: str | None = None, observer: Observer | None = None) -> Any:
    """Make a processor: ``tracer_provider.add_span_processor(span_processor())``.

    Parameters
    ----------
    prefix : str, optional
        The name of the prefix that the traced requests send; by default the only one of the model.
    observer : Observer, optional
        The observer; by default the process's own, with the installed prefix files.

    Returns
    -------
    opentelemetry.sdk.trace.SpanProcessor
        It sees what a reply billed but not what was sent, so it reports no drift. Requests that the
        SDK's middleware also reports are reported once.
    """
    from opentelemetry.sdk.trace import SpanProcessor

    watch = UsageWatch("opentelemetry", prefix, observer)
    inner = _Inner()

    class PrefixwarmSpanProcessor(SpanProcessor):  # type: ignore[misc]
        """Reports what traced model calls did to the cache."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
            """Connect to the state while the model call is in flight."""
            with suppress(Exception):
                if _is_call(span.attributes):
                    watch.prepare(span.attributes.get("gen_ai.request.model"))

        def on_end(self, span: Any) -> None:
            """Report the reply."""
            with suppress(Exception):
                if inner.is_innermost(span):
                    _report(watch, span)

    return PrefixwarmSpanProcessor()


class _Inner:
    """Distinguishes a call's span from a framework's span around it with the same data."""

    def __init__(self) -> None:
        self._outer: Latest[int, None] = Latest()

    def is_innermost(self, span: Any) -> bool:
        """Whether this span is a model call without one inside it; children end first."""
        call, around = _is_call(span.attributes), span.context.span_id in self._outer
        self._outer.pop(span.context.span_id, None)
        if (call or around) and span.parent is not None:
            self._outer[span.parent.span_id] = None
        return call and not around


def _is_call(attributes: Mapping[str, Any]) -> bool:
    return attributes.get("gen_ai.operation.name") in _OPERATIONS


def _report(watch: UsageWatch, span: Any) -> None:
    attributes, usage = span.attributes, _usage(span.attributes)
    model = attributes.get("gen_ai.request.model") or attributes.get("gen_ai.response.model")
    if usage is not None:
        identity = attributes.get("gen_ai.response.id")
        watch.report(model, usage, span.start_time / 1e9, identity)


def _usage(attributes: Mapping[str, Any]) -> Usage | None:
    """The usage in a span; None if it has no cache attributes."""
    read, written = _first(attributes, _READ), _first(attributes, _WRITTEN)
    if read is None and written is None:
        return None
    cached = (read or 0) + (written or 0)
    # By the conventions, input includes cached tokens; some instrumentations count as the provider.
    tokens = _first(attributes, ("input_tokens",)) or 0
    uncached = tokens - cached if tokens >= cached else tokens
    return Usage(input=uncached, read=read or 0, write_5m=written or 0)


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    values = (attributes.get(_USAGE + name) for name in names)
    return next((value for value in values if type(value) is int and value >= 0), None)
