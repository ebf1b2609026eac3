"""Spans of the GenAI conventions: what is a model call, and what it did to the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.observe import span_processor

if TYPE_CHECKING:
    from collections.abc import Iterator

trace = pytest.importorskip("opentelemetry.sdk.trace")

MODEL = "claude-sonnet-5-5"
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": MODEL}
READ = {"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.cache_read.input_tokens": 1900}


@pytest.fixture
def tracer(watched: Any) -> Iterator[Any]:
    """Traces into an observer."""
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(span_processor(observer=watched.observer))
    yield provider.get_tracer("test")
    provider.shutdown()


def test_a_call_and_what_a_framework_says_around_it(tracer: Any, watched: Any) -> None:
    """One report, of the inner one; an agent's span with the sum of its calls is none."""
    with tracer.start_as_current_span(
        "agent", attributes={"gen_ai.operation.name": "invoke_agent", **READ}
    ):
        for _ in range(2):
            with (
                tracer.start_as_current_span("chat", attributes={**CALL, **READ}),
                tracer.start_as_current_span("http"),
                tracer.start_as_current_span("sdk", attributes={**CALL, **READ}),
            ):
                pass
    assert watched.results == ["hit", "hit"]
    assert [line["AgentInputTokens"] for line in watched.lines] == [100, 100]


@pytest.mark.parametrize(
    ("usage", "results"),
    [
        ({"cache_read.input_tokens": 1900, "input_tokens": 5}, ["hit"]),
        ({"cache_read_input_tokens": 1900}, ["hit"]),
        ({"cache_write.input_tokens": 1900}, ["miss"]),
        ({"cache_creation.input_tokens": 1900}, ["miss"]),
        ({"input_tokens": 1900}, []),
        ({"cache_read.input_tokens": "many"}, []),
    ],
)
def test_what_it_says_of_the_cache(
    tracer: Any, watched: Any, usage: dict[str, Any], results: list[str]
) -> None:
    """Under the conventions' names and those in use; where nothing is said nothing is known."""
    attributes = {f"gen_ai.usage.{name}": value for name, value in usage.items()}
    with tracer.start_as_current_span("chat", attributes={**CALL, **attributes}):
        pass
    assert watched.results == results


def test_another_model_is_not_the_prefix(tracer: Any, watched: Any) -> None:
    """Nor is a short read of the same model a use of the entry."""
    other = {**CALL, "gen_ai.request.model": "gpt-5"}
    with tracer.start_as_current_span("chat", attributes={**other, **READ}):
        pass
    assert watched.results == []
    short = {**CALL, "gen_ai.usage.cache_read.input_tokens": 30}
    with tracer.start_as_current_span("chat", attributes=short):
        pass
    assert watched.results == ["hit"]
    (item,) = [item for item in watched.state.table.items.values() if "requests" in item]
    assert "warm_until" not in item
    assert item["traffic_at"]
