"""Generated Converse requests: by AWS's own shapes, and now and then anything at all."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefixwarm.simulator.http_types import Request
from prefixwarm.simulator.provider_state import ProviderState
from prefixwarm.simulator.request_handler import respond
from prefixwarm.simulator.settings import Settings
from tests.helpers.effort import EXAMPLES
from tests.integration.simulator.test_fuzz import check, encoded, trees

SHAPES = json.loads(
    files("prefixwarm.simulator").joinpath("converse-shapes.json").read_text("utf-8")
)
MODEL = "/model/eu.anthropic.claude-sonnet-5-5"
PATHS = {
    f"{MODEL}/converse": "ConverseRequest",
    f"{MODEL}/converse-stream": "ConverseStreamRequest",
    "/model/anthropic.claude-sonnet-5-5/count-tokens": "ConverseTokensRequest",
}
HEAD = {"authorization": "Bearer k"}
WORDS = {"ToolName": "look", "ToolUseId": "t", "S3Uri": "s3://bucket/key", "AccountId": "1" * 12}


@cache
def fitting(name: str) -> st.SearchStrategy[Any]:
    """Values of a shape; patterns are met where they matter."""
    shape = SHAPES[name]
    kind = shape["type"]
    if shape.get("document"):
        return trees
    if kind == "structure":
        return structures(name, shape)
    if kind == "list":
        return st.lists(st.deferred(lambda: fitting(shape["member"])), min_size=1, max_size=3)
    if kind == "map":
        return st.dictionaries(st.just("k"), st.deferred(lambda: fitting(shape["value"])))
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if name in WORDS:
        return st.just(WORDS[name])
    plain = {
        "integer": st.integers(shape.get("min", 0), 200),
        "float": st.floats(0, 1),
        "boolean": st.booleans(),
    }
    return plain.get(kind, st.sampled_from(["a", "a b", " ", "eA==", "{}"]))


def structures(name: str, shape: Any) -> st.SearchStrategy[Any]:
    """One member of a union; of others what is required and some of the rest."""
    members = {
        field: st.deferred(lambda inner=inner: fitting(inner))
        for field, inner in shape["members"].items()
    }
    if shape.get("union"):
        return st.one_of([st.fixed_dictionaries({k: v}) for k, v in members.items()])
    required = {field: members.pop(field) for field in shape["required"]}
    if name in PATHS.values():
        required["messages"] = members.pop("messages")
    return st.fixed_dictionaries(required, optional=members)


@st.composite
def bodies(draw: st.DrawFn, name: str) -> Any:
    """A body that fits, often with turns that alternate, sometimes with something wrong in it."""
    body = draw(fitting(name))
    if draw(st.booleans()):
        for i, message in enumerate(body["messages"]):
            message["role"] = ("user", "assistant")[i % 2]
    if draw(st.integers(0, 9)) == 0:
        body[draw(st.sampled_from([*SHAPES[name]["members"], "extra"]))] = draw(trees)
    return body


@settings(max_examples=3 * EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(sorted(PATHS)))
def test_generated_requests_are_answered(data: Any, path: str) -> None:
    """With a reply or in AWS's words, never with a failure of our own."""
    state = ProviderState(Settings(clock="manual", keep_requests=4))
    body = data.draw(bodies(PATHS[path]))
    sent = {"input": {"converse": body}} if path.endswith("count-tokens") else body
    request = Request("POST", path, "", HEAD, encoded(sent))
    check(state, request)
    reply = respond(state, request)
    if reply.status >= 400:
        assert reply.headers["x-amzn-errortype"] in (
            "ValidationException",
            "SerializationException",
        )
        assert list(orjson.loads(reply.parts[0].data)) == ["message"]


@given(trees)
def test_anything_is_answered(value: object) -> None:
    """Whatever JSON it is."""
    state = ProviderState(Settings(clock="manual"))
    for path in PATHS:
        for body in (value, {"input": value}, {"input": {"converse": value}}):
            check(state, Request("POST", path, "", HEAD, encoded(body)))
