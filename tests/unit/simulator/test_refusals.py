"""Refusals without a server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from prefixwarm.fields.field_table import table
from prefixwarm.simulator import Switches, refusal

USER = {"role": "user", "content": "x"}
BODY = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [USER]}
TOOL_RESULT = {
    "type": "tool_result",
    "tool_use_id": "t",
    "content": [{"type": "text", "text": "ok", "cache_control": {"type": "ephemeral"}}],
}
TOOL = {"name": "a", "input_schema": {"type": "object"}}
BROWSER = {"type": "browser_toolset_20260801"}
RESULTS = {"type": "search_result", "source": "s", "title": "t", "content": "a text"}
MARKED = {
    **BODY,
    "messages": [
        USER,
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "a", "input": {}}],
        },
        {"role": "user", "content": [TOOL_RESULT]},
    ],
}
CONVERSE = {"modelId": "us.anthropic.claude-sonnet-5", "messages": [{**USER, "content": []}]}


def blocks(count: int) -> dict[str, Any]:
    """A system prompt with so many breakpoints."""
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    return {**BODY, "system": [block] * count}


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (BODY, {}, None),
        ({**BODY, "max_tokens": 0}, {}, None),
        ({**BODY, "model": "claude-of-next-year"}, {}, None),
        ({**BODY, "temperature": 0.5}, {}, "temperature"),
        (blocks(4), {}, None),
        (blocks(5), {}, "maximum of 4"),
        (
            {**BODY, "model": "claude-haiku-4-5", "temperature": 0.5},
            {"headers": {"Anthropic-Version": "2026-10-21"}},
            "temperature: not supported with anthropic-version 2026-10-21",
        ),
        (MARKED, {}, None),
        (MARKED, {"switches": Switches(inner_markers="refused")}, "inside a block"),
        (
            {**BODY, "cache_control": {"type": "ephemeral"}},
            {"route": "bedrock"},
            "anthropic_version",
        ),
        (
            {
                **BODY,
                "model": "us.anthropic.claude-sonnet-5",
                "anthropic_version": "bedrock-2023-05-31",
                "cache_control": {"type": "ephemeral"},
            },
            {"route": "bedrock"},
            "automatic caching is not supported here",
        ),
        ({**BODY, "max_tokens": 10**30}, {}, "max_tokens"),
        ({**BODY, "temperature": float("nan")}, {}, "not valid JSON"),
        ({**BODY, "system": "\ud800"}, {}, "not valid JSON"),
        (CONVERSE, {"route": "bedrock-converse"}, "messages.0"),
        (
            {**CONVERSE, "messages": [{"role": "user", "content": [{"text": "x"}]}]},
            {"route": "bedrock-converse"},
            None,
        ),
    ],
)
def test_why_a_request_is_refused(
    body: dict[str, Any], options: dict[str, Any], message: str | None
) -> None:
    answer = refusal(body, **options)
    assert answer is None if message is None else message in (answer or "")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"stop_sequences": 5}, "stop_sequences: Input should be a valid list"),
        ({"tools": [{"name": ["a"], "type": "web_search_20250305"}]}, "tools.0.name: Input should"),
        ({"tools": [{"name": 1, "input_schema": {"type": "object"}}]}, "tools.0.custom.name: Inp"),
        ({"tools": [{**TOOL, "allowed_callers": 5}]}, "tools.0.allowed_callers: Input should be"),
        ({"tools": [{**TOOL, "allowed_callers": [["x"]]}]}, "tools.0.allowed_callers.0: Input"),
        ({"tools": [{**TOOL, "strict": "yes"}]}, "tools.0.strict: Input should be a valid bool"),
        ({"tools": [{**TOOL, "defer_loading": []}]}, "tools.0.defer_loading: Input should be a"),
        ({"tools": [{**BROWSER, "configs": {"zoom": {"defer_loading": []}}}]}, "valid boolean"),
        ({"mcp_servers": [{"type": "url", "name": "a", "url": 1}]}, "mcp_servers.0.url: Input"),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}}, "valid boolean"),
        ({"system": [{"type": "text", "text": None}]}, "system.0.text: Input should be a valid s"),
        ({"messages": [{"role": "user", "content": [RESULTS]}]}, "content.0.content: Input should"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_with_its_place(
    more: dict[str, Any], message: str
) -> None:
    assert message in (refusal({**BODY, **more}) or "")


def test_optional_members_of_a_toolset_are_off_by_default() -> None:
    rows = table().shapes["browser_toolset_configs"].rows
    usual = [name for name, row in rows.items() if row.holds == "member"]
    assert 0 < len(usual) < len(rows)
    off = {**BROWSER, "configs": {name: {"enabled": False} for name in usual}}
    assert "at least one member must be enabled" in (refusal({**BODY, "tools": [off]}) or "")
    deferred = {**BROWSER, "configs": {name: {"defer_loading": True} for name in usual}}
    assert refusal({**BODY, "tools": [TOOL, deferred]}) is None


def test_it_needs_no_server() -> None:
    program = (
        "import sys; from prefixwarm.simulator import refusal; print('httptools' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
