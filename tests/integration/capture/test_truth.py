"""What `judge` says of a request is what happens to it at the provider."""

from __future__ import annotations

import copy
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.capture.captured_request import CapturedRequest
from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.lint.verdict import judge
from prefixwarm.observe.matcher import Matcher
from tests.helpers.effort import EXAMPLES
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

HEADERS = {"anthropic-version": "2023-06-01"}
CASES = range(EXAMPLES)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA = {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


def marker(random: Random) -> dict[str, Any]:
    return {"type": "ephemeral", "ttl": random.choice(["5m", "1h"])}


def agent(random: Random) -> dict[str, Any]:
    """Some agent's request: tools, system blocks, a conversation, and breakpoints anywhere."""
    tools = [
        {"name": f"t{i}", "description": "Does. " * 400, "input_schema": {"type": "object"}}
        for i in range(random.randint(0, 3))
    ]
    system = [{"type": "text", "text": f"Rule {i}. " * 300} for i in range(random.randint(1, 3))]
    turns = [
        {"role": "user", "content": [{"type": "text", "text": f"q{i}"} for i in range(count)]}
        for count in [random.choice([1, 2, 18, 19, 20, 25])]
    ]
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 20,
        "tools": tools,
        "system": system,
        "messages": turns,
    }
    for block in (*tools, *system, turns[0]["content"][-1]):
        if random.random() < 0.3:
            block["cache_control"] = marker(random)
    if random.random() < 0.2:
        request["cache_control"] = marker(random)
    return request


def document(cited: bool) -> dict[str, Any]:
    source = {"type": "text", "media_type": "text/plain", "data": "The text."}
    return {"type": "document", "source": source, "citations": {"enabled": cited}}


def drifted(random: Random, request: dict[str, Any]) -> dict[str, Any]:
    """The same agent's next request, with some things that may have changed."""
    changed = copy.deepcopy(request)
    changed["messages"][0]["content"][0]["text"] = "another question"
    edits: list[Callable[[], Any]] = [
        lambda: changed["system"].append({"type": "text", "text": "Customer 5."}),
        lambda: changed["system"].insert(0, {"type": "text", "text": "It is nine."}),
        lambda: changed["tools"].append({"name": "n", "input_schema": {"type": "object"}}),
        lambda: changed["tools"].reverse(),
        lambda: changed["system"][0].pop("cache_control", None),
        lambda: changed["system"][-1].update(cache_control=marker(random)),
        lambda: changed.update(output_config={"effort": "low"}),
        lambda: changed.update(output_config={"effort": "high"}),
        lambda: changed.update(tool_choice={"type": "none"}),
        lambda: changed.update(thinking={"type": "adaptive"}),
        lambda: changed.update(thinking={"type": "between_tools"}),
        lambda: changed["system"][0].update(text=changed["system"][0]["text"] + "!"),
        lambda: changed["messages"][0]["content"].insert(0, document(random.random() < 0.5)),
        lambda: changed["messages"][0]["content"].insert(0, IMAGE),
        lambda: changed.update(output_config={"format": SCHEMA}),
        lambda: changed.update(inference_geo=random.choice(["us", "global"])),
    ]
    for edit in random.sample(edits, random.randint(0, 2)):
        edit()
    return changed


@pytest.mark.parametrize("seed", CASES)
def test_the_verdict_is_the_truth(provider: Any, seed: int) -> None:
    """Hit or not, as the provider's own usage says."""
    random = Random(seed)
    request = agent(random)
    prefix = make_prefix("x", request, headers=HEADERS)
    real = drifted(random, request)
    verdict = judge(prefix, real, HEADERS)
    assert verdict.hit == provider.reads(prefix, real), verdict


@pytest.mark.parametrize("seed", CASES)
def test_observing_agrees(seed: int) -> None:
    """The quick comparison of production and the thorough one see the same drift."""
    random = Random(seed)
    request = agent(random)
    prefix = make_prefix("x", request, headers=HEADERS)
    real = drifted(random, request)
    match = Matcher([prefix]).match(real, HEADERS)
    assert match is not None
    assert (match.drift is None) == (judge(prefix, real, HEADERS).drift is None)


@pytest.mark.parametrize("seed", CASES)
def test_what_is_captured_is_read_by_every_request(provider: Any, seed: int) -> None:
    """However the agent's requests differ, unless a finding says otherwise."""
    random = Random(seed)
    request = agent(random)
    others = [drifted(random, request) for _ in range(2)]
    captured = [CapturedRequest("anthropic", HEADERS, body) for body in (request, *others)]
    for extracted in prefixes_from_requests(captured, name="x"):
        if extracted.prefix is None:
            continue
        reads = [provider.reads(extracted.prefix, sent.body) for sent in extracted.requests]
        errors = {f.rule.id for f in extracted.findings if f.severity == "error"}
        assert all(reads) == (not errors - {"under-minimum"}), extracted.findings
