"""The breakpoint that reads the prefix, added where there is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from prefixwarm.lint.verdict import judge
from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.prefix.body import markers
from tests.helpers.prefixes import make_prefix


def unmarked(make_body: Any, **changes: Any) -> Any:
    request = copy.deepcopy(make_body(**changes))
    request["system"][0].pop("cache_control", None)
    return request


@pytest.mark.parametrize("as_text", [True, False])
def test_added_to_the_last_shared_block(prefix: Any, make_body: Any, as_text: bool) -> None:
    """The request then reads the prefix, and was not changed itself."""
    request = unmarked(make_body)
    if as_text:
        request["system"] = request["system"][0]["text"]
    before = copy.deepcopy(request)
    marked = with_breakpoint(request, prefix)
    assert request == before
    assert marked is not None
    assert not judge(prefix, request).hit
    assert judge(prefix, marked).hit


def test_added_to_tools_and_to_messages(make_body: Any) -> None:
    """Wherever the prefix ends."""
    tools_only = unmarked(make_body, messages=[{"role": "user", "content": "q"}])
    tools_only["system"] = []
    prefix = make_prefix("x", tools_only)
    request = {**tools_only, "system": "mine"}
    marked = with_breakpoint(request, prefix)
    assert marked is not None
    assert marked["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    talk = unmarked(make_body, messages=[*turns, {"role": "user", "content": "c"}])
    prefix = make_prefix("x", talk, shared_messages=2)
    marked = with_breakpoint(talk, prefix)
    assert marked is not None
    assert judge(prefix, marked).hit


def test_none_is_added_twice(prefix: Any, make_body: Any) -> None:
    """The request's own breakpoint stays."""
    assert with_breakpoint(make_body(), prefix) is None


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_the_ttl_of_the_others(prefix: Any, make_body: Any, ttl: str) -> None:
    """A mixture could be refused, so the request's own TTL is taken."""
    request = unmarked(make_body, cache_control={"type": "ephemeral", "ttl": ttl})
    marked = with_breakpoint(request, prefix)
    assert marked is not None
    assert marked["system"][0]["cache_control"]["ttl"] == ttl
    assert not [f for f in judge(prefix, marked).findings if f.severity == "error"]


def test_no_fifth_breakpoint(prefix: Any, make_body: Any) -> None:
    """The provider would refuse the request."""
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    full = unmarked(make_body, messages=[{"role": "user", "content": [block] * 4}])
    assert with_breakpoint(full, prefix) is None


TOOL = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
TURNS = [
    {"role": "user", "content": [{"text": "a"}]},
    {"role": "assistant", "content": [{"text": "b"}]},
]


def converse(**changes: Any) -> Any:
    """A Converse request without cache points."""
    return {
        "modelId": "eu.anthropic.claude-sonnet-5-5",
        "toolConfig": {"tools": [TOOL], "toolChoice": {"auto": {}}},
        "system": [{"text": "Help. " * 400}],
        "messages": [{"role": "user", "content": [{"text": "q"}]}],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "shared", "place"),
    [
        ({}, 0, "system[0]"),
        ({"system": []}, 0, "toolConfig.tools[0]"),
        ({"messages": [*TURNS, TURNS[0]]}, 2, "messages[1].content[0]"),
    ],
)
def test_a_cache_point_is_added(changes: Any, shared: int, place: str) -> None:
    """Wherever a Converse prefix ends; the request goes on behind it."""
    request = converse(**changes)
    prefix = make_prefix("x", request, route="bedrock-converse", shared_messages=shared)
    request["system"] = [*request["system"], *([] if shared else [{"text": "Customer 5."}])]
    before = copy.deepcopy(request)
    marked = with_breakpoint(request, prefix)
    assert request == before
    assert marked is not None
    assert [path for path, _ in markers(marked)] == [place]
    assert judge(prefix, marked).hit
    assert with_breakpoint(marked, prefix) is None


def test_a_cache_point_takes_the_ttl_of_the_others() -> None:
    """And stands before those that close more."""
    prefix = make_prefix("x", converse(), route="bedrock-converse")
    point = {"cachePoint": {"type": "default"}}
    system = [*converse()["system"], {"text": "Customer 5."}, point]
    marked = with_breakpoint(converse(system=system), prefix)
    assert marked is not None
    assert marked["system"][1] == {"cachePoint": {"type": "default", "ttl": "5m"}}
