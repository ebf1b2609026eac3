"""A prefix defined in code: one order, one breakpoint, one object for warm and request."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import prefixwarm
from prefixwarm.capture.extract import make_prefix
from prefixwarm.errors import UsageError
from prefixwarm.lint.verdict import judge
from prefixwarm.observe import Prefix
from prefixwarm.prefix.warm_request import PLACEHOLDER

TOOL = {"name": "find", "input_schema": {"type": "object"}}
EXAMPLES = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
QUESTION = [{"role": "user", "content": "3+3?"}]


def full() -> Prefix:
    return Prefix(
        "support",
        model="claude-sonnet-5-5",
        tools=[TOOL],
        system="Help. " * 400,
        examples=EXAMPLES,
        context="The catalogue.",
        thinking={"type": "adaptive"},
    )


def test_static_comes_first() -> None:
    """Tools, system, examples, context, then what varies."""
    request = full().request(QUESTION, max_tokens=5, metadata={"user_id": "u"})
    assert request["model"] == "claude-sonnet-5-5"
    assert [m["content"] for m in request["messages"]] == [
        [{"type": "text", "text": "2+2?"}],
        [{"type": "text", "text": "4"}],
        [
            {
                "type": "text",
                "text": "The catalogue.",
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            }
        ],
        "3+3?",
    ]
    assert (request["max_tokens"], request["metadata"]) == (5, {"user_id": "u"})


@pytest.mark.parametrize("parts", [("tools",), ("tools", "system"), ("system", "examples")])
def test_what_is_built_is_what_is_sent(parts: tuple[str, ...]) -> None:
    """The warm made from the object is read by each of its requests."""
    given: dict[str, Any] = {"tools": [TOOL], "system": "Help.", "examples": EXAMPLES}
    prefix = Prefix("x", model="claude-sonnet-5-5", ttl="5m", **{p: given[p] for p in parts})
    file = make_prefix(
        "x",
        prefix.request([PLACEHOLDER]),
        ttl=prefix.ttl,
        shared_messages=prefix.shared_messages,
    )
    verdict = judge(file, prefix.request(QUESTION))
    assert (verdict.hit, verdict.findings) == (True, [])
    assert file.ttl == "5m"


def test_the_definition_stays_the_users() -> None:
    """Marking the breakpoint does not change what was given."""
    tool = dict(TOOL)
    Prefix("x", model="m", tools=[tool])
    assert tool == TOOL


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "neither tools nor a system prompt"),
        ({"system": "x", "ttl": "2h"}, "write one of 5m, 1h"),
        ({"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]}, "remove cache_control"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], says: str) -> None:
    """With the way round."""
    with pytest.raises(UsageError, match=says):
        Prefix("x", model="m", **arguments)


@pytest.mark.parametrize("field", ["thinking", "system", "tools", "model"])
def test_a_request_cannot_change_the_prefix(field: str) -> None:
    """Not even what was not given."""
    with pytest.raises(UsageError, match=f"{field} is fixed"):
        full().request(QUESTION, **{field: "other"})


def test_the_package_has_it_and_stays_cheap() -> None:
    """`import prefixwarm` loads nothing but itself, until the name is asked for."""
    code = (
        "import sys, prefixwarm\n"
        "print(sorted(name for name in sys.modules if name.startswith('prefixwarm')))\n"
        "from prefixwarm import Prefix\n"
        "print(Prefix.__module__, hasattr(prefixwarm, 'Suffix'))\n"
    )
    asked = [sys.executable, "-c", code]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert ran.splitlines() == ["['prefixwarm']", "prefixwarm.prefix.prefix_definition False"]
    assert prefixwarm.Prefix is Prefix


CONVERSE_TOOL = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
CONVERSE_EXAMPLES = [
    {"role": "user", "content": [{"text": "2+2?"}]},
    {"role": "assistant", "content": [{"text": "4"}]},
]


@pytest.mark.parametrize("parts", [("tools",), ("tools", "system"), ("system", "examples")])
def test_converse_has_cache_points(parts: tuple[str, ...]) -> None:
    """Behind the last shared block, in the form that boto3 takes; the file is what is sent."""
    given: dict[str, Any] = {
        "tools": [CONVERSE_TOOL],
        "system": "Help. " * 400,
        "examples": CONVERSE_EXAMPLES,
    }
    prefix = Prefix(
        "x",
        model="eu.anthropic.claude-sonnet-5-5",
        route="bedrock-converse",
        additionalModelRequestFields={"thinking": {"type": "adaptive"}},
        **{part: given[part] for part in parts},
    )
    question = [{"role": "user", "content": [{"text": "3+3?"}]}]
    sent = prefix.request(question, max_tokens=5, inferenceConfig={"temperature": 0.1})
    assert sent["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.1}
    ends = {
        "tools": sent.get("toolConfig", {}).get("tools"),
        "system": sent.get("system"),
        "examples": sent["messages"][-2]["content"] if "examples" in parts else None,
    }
    assert ends[parts[-1]][-1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    file = make_prefix("x", sent, route=prefix.route, shared_messages=prefix.shared_messages)
    verdict = judge(file, prefix.request(question))
    assert (verdict.hit, verdict.findings) == (True, [])


def test_what_converse_does_not_take() -> None:
    """A context of its own, cache points of the user's, and what is fixed."""
    model = {"model": "eu.anthropic.claude-sonnet-5-5", "route": "bedrock-converse"}
    with pytest.raises(UsageError, match="put it at the end of system"):
        Prefix("x", system="Help.", context="The catalogue.", **model)
    with pytest.raises(UsageError, match="remove cachePoint"):
        Prefix("x", system=[{"text": "a"}, {"cachePoint": {"type": "default"}}], **model)
    with pytest.raises(UsageError, match="toolConfig is fixed"):
        Prefix("x", system="Help.", **model).request([], toolConfig={})
