"""Generated requests: every answer is one the provider could give, never a failure of our own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefixwarm.simulator import control
from prefixwarm.simulator.http_types import Request
from prefixwarm.simulator.provider_state import ProviderState
from prefixwarm.simulator.request_handler import respond
from prefixwarm.simulator.settings import Settings
from tests.helpers.effort import EXAMPLES

if TYPE_CHECKING:
    from prefixwarm.simulator import Simulator


ALLOWED = {200, 400, 401, 403, 404, 405, 413}

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
markers = st.sampled_from(
    [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "5m"}]
)


def mixed(*good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what is meant, sometimes anything at all."""
    return st.one_of(*good, *good, trees)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of these fields, and sometimes a foreign one."""
    return st.fixed_dictionaries({}, optional={**fields, "extra": trees})


KINDS = ["text", "image", "document", "thinking", "tool_use", "tool_result", "search_result", "x"]
blocks = st.deferred(
    lambda: objects(
        type=mixed(st.sampled_from(KINDS)),
        text=mixed(st.text(min_size=1, max_size=6)),
        cache_control=mixed(markers),
        source=mixed(
            objects(type=mixed(st.sampled_from(["base64", "text", "content"])), data=trees)
        ),
        content=mixed(st.lists(blocks, max_size=2), st.text(max_size=4)),
        id=mixed(st.just("t")),
        tool_use_id=mixed(st.just("t")),
        name=mixed(st.just("look")),
        input=trees,
        citations=mixed(st.just({"enabled": True})),
        thinking=trees,
        signature=trees,
    )
)
texts = st.builds(lambda text: {"type": "text", "text": text}, st.text(min_size=1, max_size=9))
messages = objects(
    role=mixed(st.sampled_from(["user", "assistant", "system"])),
    content=mixed(st.text(min_size=1, max_size=9), st.lists(texts | blocks, max_size=4)),
)
tools = objects(
    type=mixed(st.sampled_from(["custom", "web_search_20250305"])),
    name=mixed(st.sampled_from(["look", "find"])),
    input_schema=mixed(objects(type=mixed(st.just("object")), properties=trees, required=trees)),
    cache_control=mixed(markers),
    defer_loading=trees,
)
MODELS = [
    "claude-sonnet-5-5",
    "claude-opus-4-5",
    "claude-haiku-5-5",
    "anthropic.claude-opus-5",
    "x",
]
bodies = objects(
    model=mixed(st.sampled_from(MODELS)),
    max_tokens=mixed(st.integers(0, 200)),
    messages=mixed(
        st.lists(messages, max_size=4),
        st.builds(
            lambda rest: [{"role": "user", "content": "x"}, *rest], st.lists(messages, max_size=3)
        ),
    ),
    system=mixed(st.text(min_size=1), st.lists(texts | blocks, max_size=3)),
    tools=mixed(st.lists(tools, max_size=3)),
    tool_choice=mixed(
        objects(type=mixed(st.sampled_from(["auto", "any", "tool", "none"])), name=trees)
    ),
    thinking=mixed(
        objects(type=mixed(st.sampled_from(["adaptive", "enabled"])), budget_tokens=trees)
    ),
    output_config=mixed(objects(effort=mixed(st.just("low")), format=trees)),
    cache_control=mixed(markers),
    stream=mixed(st.booleans()),
    speed=mixed(st.just("fast")),
    inference_geo=mixed(st.just("us")),
    diagnostics=mixed(st.just({"previous_message_id": "msg_x"})),
    metadata=trees,
    stop_sequences=trees,
    temperature=trees,
    anthropic_version=st.just("bedrock-2023-05-31"),
    anthropic_beta=trees,
)
good_bodies = st.builds(
    lambda body, prompt, most: {
        **(body if isinstance(body, dict) else {}),
        "model": "claude-sonnet-5-5",
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": most,
    },
    bodies,
    st.text(min_size=1, max_size=20),
    st.integers(0, 50),
)
PATHS = [
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/messages/batches",
    "/anthropic/v1/messages",
    "/model/global.anthropic.claude-opus-5-5/invoke",
    "/model/%FF/invoke-with-response-stream",
    "/v1/oauth/token",
    "/v1/messages/batches/x/results",
]
headers = st.fixed_dictionaries(
    {"anthropic-version": mixed(st.just("2023-06-01")).map(str)},
    optional={
        "authorization": st.sampled_from(["Bearer k", "AWS4-HMAC-SHA256 x", "Bearer", "k"]),
        "x-api-key": st.just("k"),
        "anthropic-beta": st.text(max_size=9),
        "anthropic-workspace-id": st.sampled_from(["w", " "]),
    },
)
requests = st.builds(
    lambda method, path, sent, body: Request(method, path, "", sent, encoded(body)),
    st.sampled_from(["POST"] * 9 + ["GET"]),
    st.sampled_from(PATHS),
    headers,
    bodies | good_bodies,
)


def encoded(body: Any) -> bytes:
    """As JSON; what has no JSON form in UTF-8 is sent as it comes."""
    return json.dumps(body).encode()


def check(state: ProviderState, request: Request) -> None:
    """One answer the provider could give, in its shape, and books that balance."""
    reply = respond(state, request)
    assert reply.status in ALLOWED
    record = list(state.log)[-1]
    data = b"".join(part.data for part in reply.parts)
    if reply.status >= 400:
        value = orjson.loads(data)
        assert "message" in value or "error" in value
        assert record.usage is None
    elif record.usage is not None:
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        assert record.trace is not None
        assert sum(record.usage[name] for name in parts) == record.trace.ends[-1]
    orjson.dumps(control.requests(state, explained=True), default=str)
    control.entries(state)


@settings(max_examples=3 * EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.lists(requests, min_size=1, max_size=3))
def test_generated_requests_are_answered_as_the_provider_would(sent: list[Request]) -> None:
    state = ProviderState(Settings(clock="manual", keep_requests=4))
    for request in sent:
        check(state, request)


@given(st.binary(max_size=200))
def test_generated_bytes_are_answered_as_the_provider_would(content: bytes) -> None:
    state = ProviderState(Settings(clock="manual"))
    for path in PATHS:
        check(state, Request("POST", path, "", {"x-api-key": "k"}, content))


CONTROLS = ["clock", "entries", "requests", "faults", "ledger", "switches", "reset", "nothing"]


@given(st.sampled_from(CONTROLS), st.sampled_from(["GET", "POST", "DELETE"]), trees | objects(
    advance=trees, kind=mixed(st.just("error")), status=trees, count=trees, probability=trees,
    seconds=trees, after=trees, until=trees, match=trees, refuse_zero=trees, linger=trees,
    retry_after=trees, seed=trees, message=trees, error_code=trees,
))  # fmt: skip
def test_generated_control_calls_are_answered(path: str, method: str, value: object) -> None:
    state = ProviderState(Settings(clock="manual"))
    request = Request(method, f"/_sim/{path}", "limit=2", {}, encoded(value))
    assert respond(state, request).status in {200, 400, 404, 405}
    message = {"model": "claude-sonnet-5-5", "max_tokens": 1}
    message["messages"] = [{"role": "user", "content": "x"}]
    head = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    respond(state, Request("POST", "/v1/messages", "", head, encoded(message)))
    respond(state, Request("GET", "/_sim/faults", "", {}, b""))


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_bytes_of_any_size_over_http(sim: Simulator, size: int) -> None:
    url = urlsplit(sim.url)
    assert url.hostname == "127.0.0.1"
    with httpx2.Client(base_url=sim.url) as client:
        reply = client.post("/v1/messages", content=b"[" * size, headers={"x-api-key": "k"})
        assert reply.status_code == 400
