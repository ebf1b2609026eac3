"""What is said of a Converse request is what happens to it at the provider."""

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

ROUTE = "bedrock-converse"
MODEL = "eu.anthropic.claude-sonnet-5-5"
CASES = range(EXAMPLES)


def point(random: Random) -> dict[str, Any]:
    """A cache point that names its TTL, or does not."""
    return {"cachePoint": {"type": "default", **random.choice([{}, {"ttl": "5m"}, {"ttl": "1h"}])}}


def pointed(random: Random, blocks: list[Any]) -> list[Any]:
    """The blocks, with a cache point behind some of them."""
    return [x for b in blocks for x in ((b, point(random)) if random.random() < 0.3 else (b,))]


def tool(name: str) -> dict[str, Any]:
    """A tool, as Converse takes it."""
    schema = {"json": {"type": "object"}}
    return {"toolSpec": {"name": name, "description": "Does. " * 400, "inputSchema": schema}}


def agent(random: Random) -> dict[str, Any]:
    """Some agent's request: tools, system blocks, a conversation, and cache points anywhere."""
    tools = [tool(f"t{i}") for i in range(random.randint(0, 3))]
    system = [{"text": f"Rule {i}. " * 300} for i in range(random.randint(1, 3))]
    count = random.choice([1, 2, 18, 19, 20, 25])
    turn = [{"text": f"q{i}"} for i in range(count)]
    last = [point(random)] if random.random() < 0.3 else []
    request = {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [*turn, *last]}],
        "system": pointed(random, system),
        "inferenceConfig": {"maxTokens": 20},
    }
    if tools:
        request["toolConfig"] = {"tools": pointed(random, tools), "toolChoice": {"auto": {}}}
    return request


def drifted(random: Random, request: dict[str, Any]) -> dict[str, Any]:
    """The same agent's next request, with some things that may have changed."""
    changed = copy.deepcopy(request)
    system, turn = changed["system"], changed["messages"][0]["content"]
    turn[0]["text"] = "another question"
    tools = changed.setdefault("toolConfig", {"tools": [tool("t")]})["tools"]
    if "toolConfig" not in request:
        del changed["toolConfig"]
    cited = {"document": {"name": "d", "source": {"text": "x"}, "citations": {"enabled": True}}}
    edits: list[Callable[[], Any]] = [
        lambda: system.append({"text": "Customer 5."}),
        lambda: system.insert(0, {"text": "It is nine."}),
        lambda: tools.append(tool("n")),
        lambda: tools.insert(0, tool("m")),
        lambda: system.__delitem__(-1) if "cachePoint" in system[-1] else system.append(POINT),
        lambda: system[0].update(text=system[0]["text"] + "!"),
        lambda: changed.update(outputConfig={"effort": random.choice(["low", "high"])}),
        lambda: changed.update(additionalModelRequestFields={"thinking": {"type": "adaptive"}}),
        lambda: changed.update(additionalModelRequestFields={"anthropic_beta": ["x"]}),
        lambda: changed.update(inferenceConfig={"temperature": 1.0}, requestMetadata={"a": "b"}),
        lambda: turn.insert(0, {"image": {"format": "png", "source": {"bytes": "eA=="}}}),
        lambda: turn.insert(0, cited),
    ]
    for edit in random.sample(edits, random.randint(0, 2)):
        edit()
    return changed


POINT = {"cachePoint": {"type": "default"}}


@pytest.mark.parametrize("seed", CASES)
def test_the_verdict_is_the_truth(provider: Any, seed: int) -> None:
    """Hit or not, as the provider's own usage says; and observing sees the same drift."""
    random = Random(seed)
    request = agent(random)
    prefix = make_prefix("x", request, route=ROUTE)
    real = drifted(random, request)
    verdict = judge(prefix, real)
    assert verdict.hit == provider.reads(prefix, real), verdict
    match = Matcher([prefix]).match(real, {})
    assert match is not None
    assert (match.drift is None) == (verdict.drift is None)


@pytest.mark.parametrize("seed", CASES)
def test_what_is_captured_is_read_by_every_request(provider: Any, seed: int) -> None:
    """However the agent's requests differ, unless a finding says otherwise."""
    random = Random(seed)
    request = agent(random)
    others = [drifted(random, request) for _ in range(2)]
    captured = [CapturedRequest(ROUTE, {}, body) for body in (request, *others)]
    for extracted in prefixes_from_requests(captured, name="x"):
        if extracted.prefix is None:
            continue
        reads = [provider.reads(extracted.prefix, sent.body) for sent in extracted.requests]
        errors = {f.rule.id for f in extracted.findings if f.severity == "error"}
        assert all(reads) == (not errors - {"under-minimum"}), extracted.findings
