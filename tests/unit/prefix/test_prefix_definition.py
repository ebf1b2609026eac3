"""A prefix defined in code: one order, placed breakpoints, one object for warm and request."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import prefixwarm
from prefixwarm.errors import UsageError
from prefixwarm.lint.verdict import judge
from prefixwarm.observe import Prefix
from prefixwarm.prefix.body import markers
from prefixwarm.prefix.warm_request import PLACEHOLDER
from tests.helpers.prefixes import make_prefix

TOOL = {"name": "find", "input_schema": {"type": "object"}}
EXAMPLES = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
HOUR = {"type": "ephemeral", "ttl": "1h"}
SHORT = {"type": "ephemeral"}
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
        [{"type": "text", "text": "4", "cache_control": HOUR}],
        [{"type": "text", "text": "The catalogue.", "cache_control": HOUR}],
        "3+3?",
    ]
    assert (request["max_tokens"], request["metadata"]) == (5, {"user_id": "u"})


@pytest.mark.parametrize("parts", [("tools",), ("tools", "system"), ("system", "examples")])
def test_what_is_built_is_what_is_sent(parts: tuple[str, ...]) -> None:
    """The warm made from the object is read by each of its requests."""
    arguments: dict[str, Any] = {"tools": [TOOL], "system": "Help.", "examples": EXAMPLES}
    prefix = Prefix("x", model="claude-sonnet-5-5", ttl="5m", **{p: arguments[p] for p in parts})
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
        ({"system": "x", "breakpoints": "all"}, "write one of auto, own, clear"),
        ({"system": "x", "breakpoints": "own"}, "no block carries one"),
        ({"tools": [{**TOOL, "cache_control": {**SHORT, "ttl": "5m"}}]}, "has ttl '5m'"),
        ({"tools": [{**TOOL, "cache_control": SHORT}] * 5}, "5 blocks carry a breakpoint"),
        (
            {"tools": [{**TOOL, "cache_control": SHORT}] * 4, "system": "x"},
            "4 breakpoints, and none at its end",
        ),
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
    arguments: dict[str, Any] = {
        "tools": [CONVERSE_TOOL],
        "system": "Help. " * 400,
        "examples": CONVERSE_EXAMPLES,
    }
    prefix = Prefix(
        "x",
        model="eu.anthropic.claude-sonnet-5-5",
        route="bedrock-converse",
        additionalModelRequestFields={"thinking": {"type": "adaptive"}},
        **{part: arguments[part] for part in parts},
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
    """A context of its own, and what is fixed."""
    model = {"model": "eu.anthropic.claude-sonnet-5-5", "route": "bedrock-converse"}
    with pytest.raises(UsageError, match="put it at the end of system"):
        Prefix("x", system="Help.", context="The catalogue.", **model)
    with pytest.raises(UsageError, match="toolConfig is fixed"):
        Prefix("x", system="Help.", **model).request([], toolConfig={})


def test_own_cache_points_of_converse_stay() -> None:
    """Where they stand, with the prefix's TTL, and none beside them."""
    prefix = Prefix(
        "x",
        model="eu.anthropic.claude-sonnet-5-5",
        route="bedrock-converse",
        system=[{"text": "a"}, {"cachePoint": {"type": "default"}}, {"text": "b"}],
        breakpoints="own",
    )
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert prefix.request([])["system"] == [{"text": "a"}, point, {"text": "b"}]
    assert prefix.warm_body()["system"] == [{"text": "a"}, point]


def marked(request: dict[str, Any]) -> list[str]:
    """The places of a request's breakpoints."""
    return [place for place, _ in markers(request)]


def test_breakpoints_stand_at_the_ends_of_the_parts() -> None:
    """Of tools, system prompt, examples and context: four."""
    request = full().request(QUESTION)
    ends = ["tools[0]", "system[0]", "messages[1].content[0]", "messages[2].content[0]"]
    assert marked(request) == ends
    assert marked(full().warm_body()) == ends


def test_those_of_the_conversation_count_too() -> None:
    """Placed ones give way, the first part's first; the one at the end stays."""
    block = {"type": "text", "text": "x", "cache_control": SHORT}
    for count, first in ((1, "system[0]"), (2, "messages[1]"), (3, "messages[2]")):
        request = full().request([{"role": "user", "content": [block] * count}])
        assert len(marked(request)) == 4
        assert marked(request)[0].startswith(first)
    assert len(marked(full().request(QUESTION, cache_control=SHORT))) == 3
    with pytest.raises(UsageError, match="the messages carry 4 breakpoints"):
        full().request([{"role": "user", "content": [block] * 4}])


@pytest.mark.parametrize(
    ("mode", "places"),
    [
        ("auto", ["system[0]", "system[2]"]),
        ("own", ["system[0]"]),
        ("clear", ["system[2]"]),
    ],
)
def test_own_breakpoints(mode: Any, places: list[str]) -> None:
    """They are honoured, or the only ones, or cleared; the definition stays as it was."""
    texts = [{"type": "text", "text": text} for text in "abc"]
    system = [{**texts[0], "cache_control": SHORT}, *texts[1:]]
    prefix = Prefix("x", model="m", system=system, breakpoints=mode)
    request = prefix.request(QUESTION)
    assert marked(request) == places
    assert all(block["cache_control"] == HOUR for _, block in markers(request))
    assert marked(prefix.warm_body()) == places
    assert system[0] == {**texts[0], "cache_control": SHORT}


def test_the_fingerprint_is_of_the_providers_entry() -> None:
    """Breakpoints and TTL make no difference; content, order and model do."""
    same = [full(), full().with_model("claude-sonnet-5-5", ttl="5m", breakpoints="clear")]
    assert same[0].fingerprint == same[1].fingerprint
    others = [
        full().with_model("claude-haiku-5-5"),
        full().with_model("claude-sonnet-5-5", system="Help. "),
        full().with_model("claude-sonnet-5-5", tools=[dict(reversed(TOOL.items()))]),
    ]
    prints = {prefix.fingerprint["prefix"] for prefix in (full(), *others)}
    assert len(prints) == 4
    file = make_prefix("support", full().request([PLACEHOLDER]), shared_messages=3)
    assert full().fingerprint == file.fingerprint


def test_another_model() -> None:
    """The rest is the same; the name is given, or follows from the model's."""
    other = full().with_model("claude-haiku-5-5", name="support-small")
    assert (other.name, other.model) == ("support-small", "claude-haiku-5-5")
    question = other.request(QUESTION)
    assert {**question, "model": "claude-sonnet-5-5"} == full().request(QUESTION)
    named = full().with_model("eu.anthropic.claude-haiku-5-5-v1:0", route="bedrock")
    assert (named.name, named.route) == ("support-eu-anthropic-claude-haiku-5-5-v1-0", "bedrock")
