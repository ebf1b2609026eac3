"""Whatever stands in a request or a reply: a value, or one error of ours, and never another one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm import CacheStats, CostGate, fit, prefix_key
from prefixwarm.errors import PrefixwarmError
from prefixwarm.prices import cost
from prefixwarm.usage.reading import read_usage
from prefixwarm.usage.streaming import StreamedUsage
from tests.helpers.effort import EXAMPLES

# Takes seconds: `scripts/test --quick` leaves it out.
pytestmark = pytest.mark.slow

NAMES = (
    *(
        "model",
        "modelId",
        "messages",
        "system",
        "tools",
        "input",
        "instructions",
        "role",
        "content",
    ),
    *(
        "type",
        "id",
        "tool_use_id",
        "tool_calls",
        "tool_call_id",
        "call_id",
        "toolUse",
        "toolResult",
    ),
    *("cache_control", "ttl", "thinking", "output_config", "text", "usage", "input_tokens"),
    *("output_tokens", "cache_creation", "prompt_tokens", "prompt_tokens_details"),
    *("promptTokenCount", "inputTokens", "cacheDetails", "max_tokens", "toolConfig", "config"),
    *("inferenceConfig", "message", "response", "chunk", "bytes", "metadata"),
)
WORDS = (
    *("user", "assistant", "system", "tool", "claude-sonnet-5-5", "gpt-6-sol", "text", "tool_use"),
    *("tool_result", "function_call", "function_call_output", "reasoning", "thinking", "1h", ""),
)
LEAVES = st.one_of(
    st.sampled_from(WORDS),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=3),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=25,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
STATS = CacheStats(opentelemetry=False)
GATE = CostGate(usd_per_day=1e9, tokens_per_day=10**11)


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(VALUES)
def test_replies(reply: Any) -> None:
    """What is no usage is none."""
    read_usage(reply)
    STATS.record(reply, model="claude-sonnet-5-5")
    usage = StreamedUsage()
    usage.add(reply)
    usage.reading()
    with suppress(PrefixwarmError):
        cost(reply, "claude-sonnet-5-5")


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(BODIES, st.sampled_from(["claude-sonnet-5-5", "gpt-6-sol"]), VALUES)
def test_requests(body: dict[str, Any], model: str, reply: Any) -> None:
    """Keys, estimates and budgets."""
    request = {**body, "model": model}
    with suppress(PrefixwarmError):
        prefix_key(request)
    with suppress(PrefixwarmError):
        GATE.reserve(request).settle(reply)


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(st.lists(BODIES, max_size=6), BODIES, st.integers(1, 500))
def test_conversations(messages: list[dict[str, Any]], body: dict[str, Any], budget: int) -> None:
    """Behind any body."""
    with suppress(PrefixwarmError):
        assert fit(messages, body, budget).tokens <= budget
