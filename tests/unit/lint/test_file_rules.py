"""Each rule of `check` finds its case, and nothing in a good prefix."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from prefixwarm.lint.file_rules import check
from prefixwarm.lint.finding import RULES
from prefixwarm.lint.model_refusals import end_of_life
from tests.helpers.prefixes import make_prefix

DOCS = Path(__file__).parents[3] / "docs" / "check.md"


def findings(prefix: Any, **options: Any) -> list[tuple[str, str, str]]:
    return [(f.severity, f.rule.id, f.place) for f in check(prefix, **options)]


def test_a_good_prefix_has_no_findings(make_body: Any) -> None:
    """Nothing is said where nothing is wrong."""
    assert findings(make_prefix("x", make_body())) == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"system": "Short.", "tools": []}, ("error", "under-minimum", "tokens")),
        ({"model": "claude-opus-4-1"}, ("error", "retired-model", "model")),
        ({"temperature": 0.5}, ("error", "refused-shape", "request.temperature")),
        ({"thinking": {"type": "adaptive"}}, ("note", "thinking", "request.thinking")),
        ({"tool_choice": {"type": "none"}}, ("note", "tool-choice", "request.tool_choice")),
        (
            {"output_config": {"effort": "low"}},
            ("note", "effort", "request.output_config.effort"),
        ),
    ],
)
def test_finds(make_body: Any, changes: Any, finding: tuple[str, str, str]) -> None:
    """One change, one finding."""
    headers = {"anthropic-version": "2026-10-21"}
    assert finding in findings(make_prefix("x", make_body(**changes), headers=headers))


def test_metadata_of_an_older_file(make_body: Any) -> None:
    """A file that is captured now has none."""
    prefix = make_prefix("x", make_body(metadata={"user_id": "u-1"}))
    assert "metadata" not in prefix.request
    older = prefix.replace(request={**prefix.request, "metadata": {"user_id": "u-1"}})
    assert findings(older) == [("note", "personal-metadata", "request.metadata.user_id")]


def test_near_the_minimum_only_counting_tells(make_body: Any) -> None:
    """The estimate may be wrong by a third; a count is not."""
    prefix = make_prefix("x", make_body())
    near = prefix.replace(tokens={"estimate": 600, "counted": None, "minimum": 512})
    assert findings(near) == [("warning", "near-minimum", "tokens")]
    assert findings(near.replace(tokens={"estimate": 600, "counted": 512, "minimum": 512})) == []
    under = near.replace(tokens={"estimate": 600, "counted": 511, "minimum": 512})
    assert findings(under) == [("error", "under-minimum", "tokens")]


def test_an_unknown_model(make_body: Any) -> None:
    """Neither minimum nor price is known, and both are said."""
    assert findings(make_prefix("x", make_body(model="claude-next-9"))) == [
        ("warning", "unknown-model", "model"),
        ("warning", "prices-unknown", "prices"),
    ]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("claude-opus-5-5", "disabled"),
        ("claude-sonnet-5-5", "disabled"),
        ("claude-haiku-4-5", "adaptive"),
    ],
)
def test_thinking_that_the_model_refuses(make_body: Any, model: str, kind: str) -> None:
    """A 400 at every warm call."""
    prefix = make_prefix("x", make_body(model=model, thinking={"type": kind}))
    assert ("error", "refused-shape", "request.thinking") in findings(prefix)


def test_end_of_life() -> None:
    """Announced, reached, or none; Bedrock keeps its own dates."""
    ends = date(2026, 11, 30)
    before = end_of_life("claude-sonnet-4-5-20250929", "anthropic", date(2026, 11, 29))
    assert before is not None
    assert (before.day, before.over) == (ends, False)
    after = end_of_life("claude-sonnet-4-5", "aws", ends)
    assert after is not None
    assert after.over
    assert end_of_life("anthropic.claude-sonnet-4-5", "bedrock", ends) is None
    assert end_of_life("claude-sonnet-5-5", "anthropic", ends) is None


def test_volatile_content_has_its_place(make_body: Any) -> None:
    """In tools and system, with the character."""
    request = make_body(system="Today is 2026-11-21. " + "Help. " * 600)
    request["tools"][0]["description"] += " since January 5, 2026"
    at = request["tools"][0]["description"].index("January")
    assert findings(make_prefix("x", request)) == [
        ("warning", "volatile-content", f"tools[0].description:{at}"),
        ("warning", "volatile-content", "system[0].text:9"),
    ]


def test_user_names_come_from_a_list(make_body: Any) -> None:
    """Nothing is a name unless it is listed."""
    prefix = make_prefix("x", make_body(system="Ann is here. " + "Help. " * 600))
    assert findings(prefix) == []
    assert findings(prefix, names=["Ann"]) == [("warning", "volatile-content", "system[0].text:0")]


def test_an_hour_on_bedrock_is_unsure(make_body: Any) -> None:
    """It was seen to be granted as five minutes."""
    request = make_body(model="global.anthropic.claude-sonnet-5-5")
    assert findings(make_prefix("x", request, route="bedrock")) == [
        ("warning", "one-hour-unsure", "ttl"),
        ("note", "cross-region", "model"),
    ]
    request["model"] = "anthropic.claude-sonnet-5-5"
    # On demand the runtime takes inference profiles alone.
    refused = findings(make_prefix("x", request, route="bedrock", ttl="5m"))
    assert refused == [("error", "refused-shape", "request")]


def test_server_tools_betas_and_images(make_body: Any) -> None:
    """What the agent must keep equal is noted."""
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    turns = [
        {"role": "user", "content": [image]},
        {"role": "assistant", "content": "A cat."},
        {"role": "user", "content": "And?"},
    ]
    tools = [{"type": "web_search_20260209", "name": "web_search"}, *make_body()["tools"]]
    request = make_body(messages=turns, tools=tools)
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"}
    prefix = make_prefix("x", request, headers=headers, shared_messages=2)
    assert findings(prefix) == [
        ("note", "betas", "headers.anthropic-beta"),
        ("note", "server-tools", "tools[0]"),
        ("note", "images", "messages[0].content[0]"),
    ]


def test_the_worst_comes_first(make_body: Any) -> None:
    """Errors, then warnings, then notes."""
    request = make_body(system="On 2026-11-21.", tools=[], thinking={"type": "adaptive"})
    severities = [severity for severity, _, _ in findings(make_prefix("x", request))]
    assert severities == ["error", "warning", "note"]


def test_every_rule_is_documented() -> None:
    """The anchor that a finding names exists, and no other rule is documented."""
    headings = re.findall(r"^### `?([a-z0-9-]+)`?$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(RULES)
    assert all(rule.docs.endswith(f"docs/check.md#{name}") for name, rule in RULES.items())
