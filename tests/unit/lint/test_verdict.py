"""Would a real request read what is warmed?"""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.lint.verdict import judge
from tests.helpers.prefixes import make_prefix

HEADERS = {"anthropic-version": "2023-06-01"}


@pytest.fixture
def prefix(make_body: Any) -> Any:
    """The prefix of the usual request."""
    return make_prefix("x", make_body(), headers=HEADERS)


def rules(verdict: Any) -> list[str]:
    return [finding.rule.id for finding in verdict.findings]


def test_the_agents_own_request_hits(prefix: Any, make_body: Any) -> None:
    """Whatever the question, the limit and the stream."""
    request = make_body("other", max_tokens=7, stream=True)
    verdict = judge(prefix, request, HEADERS)
    assert (verdict.hit, verdict.findings) == (True, [])


@pytest.mark.parametrize(
    ("tier", "place"),
    [("tools", "tools[1].description"), ("system", "system[0].text")],
)
def test_a_changed_tier_is_named(prefix: Any, make_body: Any, tier: str, place: str) -> None:
    """Which tier drifted, and where."""
    request = make_body()
    block = request["tools"][1] if tier == "tools" else request["system"][0]
    field = place.rpartition(".")[2]
    block[field] = "X" + block[field]
    verdict = judge(prefix, request)
    assert (verdict.hit, rules(verdict)) == (False, ["drift"])
    assert (verdict.drift.tier, verdict.drift.place, verdict.drift.character) == (tier, place, 0)


def test_an_added_tool_is_drift(prefix: Any, make_body: Any) -> None:
    """A tool more changes everything behind it."""
    request = make_body()
    request["tools"].append({"name": "sell", "input_schema": {"type": "object"}})
    verdict = judge(prefix, request)
    assert (verdict.hit, verdict.drift.why, verdict.drift.right) == (False, "added", "sell")


def test_an_added_system_block_is_none(prefix: Any, make_body: Any) -> None:
    """What comes behind the prefix's end is not part of it."""
    request = make_body()
    request["system"].append({"type": "text", "text": "Customer: 5"})
    assert judge(prefix, request).hit


def test_thinking_is_drift_and_tool_choice_is_none(prefix: Any, make_body: Any) -> None:
    """tool_choice only reaches messages, which this prefix has none of."""
    assert not judge(prefix, make_body(thinking={"type": "disabled"})).hit
    body = make_body(model="claude-opus-5")
    forced = {**body, "tool_choice": {"type": "any"}}
    assert judge(make_prefix("x", body), forced).hit


def test_tool_choice_is_drift_where_messages_are_warmed(make_body: Any) -> None:
    """With shared examples the messages tier is part of the prefix."""
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    request = make_body(messages=[*turns, {"role": "user", "content": "c"}])
    prefix = make_prefix("x", request, shared_messages=2)
    request["messages"][1]["content"] = [
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert judge(prefix, request).hit
    assert not judge(prefix, {**request, "tool_choice": {"type": "none"}}).hit


def test_betas_and_version_are_drift(prefix: Any, make_body: Any) -> None:
    """They are compared where the headers are known."""
    assert judge(prefix, make_body(), {**HEADERS, "anthropic-beta": "x"}).drift.place == (
        "anthropic-beta"
    )
    newer = judge(prefix, make_body(), {"anthropic-version": "2026-10-21"})
    assert newer.drift.place == "anthropic-version"
    assert judge(prefix, make_body(), None).hit


def without_marker(request: dict[str, Any]) -> dict[str, Any]:
    del request["system"][1]["cache_control"]
    return request


def test_no_breakpoint_reads_nothing(prefix: Any, make_body: Any) -> None:
    """It is said what to add, and where."""
    verdict = judge(prefix, without_marker(make_body()))
    assert (verdict.hit, rules(verdict)) == (False, ["no-breakpoint"])
    assert "at all" in verdict.findings[0].message
    early = without_marker(make_body())
    early["tools"][1]["cache_control"] = {"type": "ephemeral"}
    assert "before the prefix's end" in judge(prefix, early).findings[0].message


def blocks(count: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": str(i)} for i in range(count)]}]


@pytest.mark.parametrize(("count", "hit"), [(19, True), (20, False)])
def test_look_back_has_twenty_positions(prefix: Any, make_body: Any, count: int, hit: bool) -> None:
    """A breakpoint 19 blocks behind the prefix's end finds it, 20 blocks behind does not."""
    request = without_marker(make_body(messages=blocks(count)))
    request["messages"][0]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    verdict = judge(prefix, request)
    assert verdict.hit is hit
    assert rules(verdict) == ([] if hit else ["lookback-exceeded"])


@pytest.mark.parametrize(
    ("count", "hit", "rule"), [(19, True, "automatic-caching"), (20, False, "lookback-exceeded")]
)
def test_automatic_caching_reads_by_look_back(
    prefix: Any, make_body: Any, count: int, hit: bool, rule: str
) -> None:
    """It marks the last block of the conversation."""
    request = without_marker(make_body(messages=blocks(count), cache_control={"type": "ephemeral"}))
    verdict = judge(prefix, request)
    assert (verdict.hit, rules(verdict)) == (hit, [rule])


def test_a_run_of_tool_results_is_one_position(prefix: Any, make_body: Any) -> None:
    """Thirty results in a row do not push the prefix out of reach."""
    results = [{"type": "tool_result", "tool_use_id": f"t{i}", "content": "ok"} for i in range(30)]
    used = {"type": "tool_use", "name": "find", "input": {}}
    uses = [{**used, "id": f"t{i}"} for i in range(30)]
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": uses},
        {"role": "user", "content": results},
    ]
    request = without_marker(make_body(messages=turns))
    request["messages"][-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    assert judge(prefix, request).hit


def test_another_ttl_is_a_warning(prefix: Any, make_body: Any) -> None:
    """The request reads the entry, but its own writes live shorter."""
    request = make_body()
    request["system"][1]["cache_control"] = {"type": "ephemeral"}
    verdict = judge(prefix, request)
    assert (verdict.hit, rules(verdict)) == (True, ["ttl-differs"])


def test_what_the_provider_refuses(prefix: Any, make_body: Any) -> None:
    """Five breakpoints, or a long TTL behind a short one."""
    many = make_body(cache_control={"type": "ephemeral", "ttl": "1h"})
    marker = {"type": "ephemeral", "ttl": "1h"}
    for block in (*many["tools"], many["system"][0]):
        block["cache_control"] = marker
    verdict = judge(prefix, many)
    assert (verdict.hit, rules(verdict)) == (False, ["too-many-breakpoints"])
    mixed = make_body()
    mixed["tools"][0]["cache_control"] = {"type": "ephemeral"}
    verdict = judge(prefix, mixed)
    assert (verdict.hit, rules(verdict)) == (False, ["ttl-order"])


def test_citations_anywhere_change_the_system_prompt(prefix: Any, make_body: Any) -> None:
    """The place says what is switched on."""
    source = {"type": "text", "media_type": "text/plain", "data": "x"}
    content = [{"type": "document", "source": source, "citations": {"enabled": True}}]
    verdict = judge(prefix, make_body(messages=[{"role": "user", "content": content}]), HEADERS)
    assert (verdict.hit, rules(verdict)) == (False, ["drift"])
    assert (verdict.drift.place, verdict.drift.tier) == ("citations", "system")
    assert "only tools can be warmed" in verdict.findings[0].message


def test_a_forced_tool_is_noted(make_body: Any) -> None:
    """It should hit; only usage can tell. Where the model takes none, it is refused."""
    for model, expected in (
        ("claude-opus-5", (True, ["tool-choice"])),
        ("claude-sonnet-5-5", (False, ["tool-choice", "refused-shape"])),
    ):
        body = make_body(model=model)
        forced = {**body, "tool_choice": {"type": "any"}}
        verdict = judge(make_prefix("x", body, headers=HEADERS), forced, HEADERS)
        assert (verdict.hit, rules(verdict)) == expected


def test_bedrock_refuses_automatic_caching(make_body: Any) -> None:
    """InvokeModel answers 400."""
    request = make_body(model="anthropic.claude-sonnet-5-5")
    prefix = make_prefix("x", request, route="bedrock")
    request["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    assert rules(judge(prefix, request)) == ["refused-shape"]


def test_a_request_of_nothing(prefix: Any) -> None:
    """Automatic caching has no block to mark."""
    request = {"model": prefix.model, "messages": [], "cache_control": {"type": "ephemeral"}}
    assert rules(judge(prefix, request)) == ["drift", "refused-shape"]
