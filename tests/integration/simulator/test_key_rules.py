"""What is in a cache key, rule by rule: which of tools, system and messages still read.

Pages are those of https://platform.claude.com/docs/en; owner/name#number is an issue on GitHub;
SDK is the Python package's types.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeApi

EPHEMERAL = {"type": "ephemeral"}
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
FORM = {
    "type": "json_schema",
    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
}
OTHER = {"type": "json_schema", "schema": {"type": "string"}}
PPTX = {"type": "anthropic", "skill_id": "pptx", "version": "latest"}
XLSX = {"type": "anthropic", "skill_id": "xlsx", "version": "latest"}
JIRA = {"type": "url", "url": "https://jira.example/mcp", "name": "jira"}
SEARCH = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
TOOL = {"name": "a", "description": "x" * 9000, "input_schema": SCHEMA}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
CITED = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    "citations": {"enabled": True},
}
CACHING = "build-with-claude/prompt-caching#what-invalidates-the-cache"
TOOL_CACHING = "agents-and-tools/tool-use/tool-use-with-prompt-caching"
SKILLS = "build-with-claude/skills-guide"
MCP = "agents-and-tools/mcp-connector"
TOOLSETS = "agents-and-tools/tool-use/tool-reference#client-toolsets"
MESSAGES = "api/beta/messages"


def base(**fields: Any) -> Json:
    """Markers on tools, on system and on the first block of the messages."""
    tool = {**TOOL, "cache_control": EPHEMERAL}
    system = {"type": "text", "text": "s" * 9000, "cache_control": EPHEMERAL}
    first = {"type": "text", "text": "m" * 9000, "cache_control": EPHEMERAL}
    request = {"model": "claude-opus-5", "max_tokens": 1, "tools": [tool], "system": [system]}
    return {**request, "messages": [{"role": "user", "content": [first]}], **fields}


def tools(*more: Json, **fields: Any) -> Json:
    """Other tools behind the first; or fields of the first."""
    return {"tools": [{**TOOL, "cache_control": EPHEMERAL, **fields}, *more]}


def last(block: Json) -> Json:
    """One more block at the end of the messages."""
    messages = copy.deepcopy(base()["messages"])
    messages[0]["content"].append(block)
    return {"messages": messages}


def deferred(name: str = "b", **fields: Any) -> Json:
    return {"name": name, "input_schema": SCHEMA, "defer_loading": True, **fields}


def toolset(**fields: Any) -> Json:
    return {"type": "computer_toolset_20260801", **fields}


MEMBERS = """
    cursor_position double_click hold_key key left_click left_click_drag left_mouse_down
    left_mouse_up middle_click mouse_move right_click screenshot scroll triple_click type wait zoom
"""


def members(**config: Any) -> Json:
    """One setting for every member of the computer toolset."""
    return {name: dict(config) for name in MEMBERS.split()}


def connector(**fields: Any) -> Json:
    toolsets = {"type": "mcp_toolset", "mcp_server_name": "jira", **fields}
    return {"mcp_servers": [JIRA], **tools(toolsets)}


def thinking(**fields: Any) -> Json:
    return {"thinking": fields}


def output(**fields: Any) -> Json:
    return {"output_config": fields}


# (what is first sent, what then, the last tier that reads, source)
RULES: list[tuple[Json, Json, str, str]] = [
    # Rendered into the prompt from elsewhere in the request.
    ({"container": {"skills": [PPTX]}}, {"container": {"skills": [PPTX, XLSX]}}, "tools", SKILLS),
    (
        {"container": {"skills": [PPTX, XLSX]}},
        {"container": {"skills": [XLSX, PPTX]}},
        "tools",
        SKILLS,
    ),
    (
        {"container": {"skills": [PPTX]}},
        {"container": {"skills": [{**PPTX, "version": "20251013"}]}},
        "tools",
        SKILLS,
    ),
    (
        {"container": {"skills": [PPTX]}},
        {"container": {"skills": [PPTX], "id": "container_1"}},
        "messages",
        SKILLS,
    ),
    ({}, {"container": "container_1"}, "messages", TOOL_CACHING),
    ({}, {"mcp_servers": [JIRA]}, "nothing", MCP),
    (
        {"mcp_servers": [JIRA]},
        {"mcp_servers": [{**JIRA, "tool_configuration": {"allowed_tools": ["search"]}}]},
        "nothing",
        MCP,
    ),
    (
        {"mcp_servers": [JIRA]},
        {"mcp_servers": [{**JIRA, "authorization_token": "of-another-user"}]},
        "messages",
        MCP,
    ),
    ({}, output(format=FORM), "tools", "build-with-claude/structured-outputs"),
    ({}, {"output_format": FORM}, "tools", "build-with-claude/structured-outputs"),
    (
        output(format=FORM),
        {"output_format": FORM},
        "messages",
        "build-with-claude/structured-outputs",
    ),
    (
        output(format=FORM),
        {"output_format": OTHER},
        "tools",
        "build-with-claude/structured-outputs",
    ),
    (
        {},
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        "nothing",
        "build-with-claude/fallback-credit",
    ),
    (
        {},
        output(task_budget={"type": "tokens", "total": 20_000}),
        "nothing",
        "build-with-claude/task-budgets",
    ),
    (
        output(task_budget={"type": "tokens", "total": 20_000}),
        output(task_budget={"type": "tokens", "total": 20_000, "remaining": 100}),
        "nothing",
        "build-with-claude/task-budgets",
    ),
    # Deferred tools and toolsets.
    (tools(SEARCH), tools(SEARCH, deferred()), "messages", TOOL_CACHING),
    (tools(SEARCH, deferred()), tools(SEARCH, deferred(description="y")), "messages", TOOL_CACHING),
    (
        tools(SEARCH, deferred(), deferred("c")),
        tools(SEARCH, deferred("c"), deferred()),
        "messages",
        TOOL_CACHING,
    ),
    (tools(), tools({**deferred(), "defer_loading": False}), "tools", TOOL_CACHING),
    (tools(), tools(defer_loading=False), "messages", TOOL_CACHING),
    (
        tools(SEARCH),
        tools(SEARCH, toolset(configs=members(defer_loading=True))),
        "messages",
        TOOLSETS,
    ),
    (tools(toolset()), tools(toolset(configs={})), "messages", TOOLSETS),
    (tools(toolset()), tools(toolset(configs={"zoom": {"enabled": True}})), "messages", TOOLSETS),
    (tools(toolset()), tools(toolset(configs={"zoom": {"enabled": False}})), "tools", TOOLSETS),
    (tools(toolset()), tools(toolset(allowed_callers=["direct"])), "messages", TOOLSETS),
    (connector(), connector(default_config={"enabled": True}), "messages", MCP),
    (connector(), connector(default_config={"defer_loading": False}), "messages", MCP),
    (connector(), connector(default_config={"defer_loading": True}), "tools", MCP),
    (connector(), connector(configs={"search": {"enabled": False}}), "tools", MCP),
    (
        {**tools(), "mcp_servers": [JIRA]},
        connector(default_config={"defer_loading": True}),
        "messages",
        MCP,
    ),
    # Tools, and what their toggling reaches.
    (tools(), tools(description="y" * 9000), "nothing", CACHING),
    (
        tools(),
        tools(allowed_callers=["direct"]),
        "messages",
        "agents-and-tools/tool-use/tool-reference",
    ),
    (
        tools(),
        tools({"type": "web_search_20250305", "name": "web_search", "defer_loading": True}),
        "tools",
        TOOL_CACHING,
    ),
    (
        tools(),
        tools({"type": "web_fetch_20250910", "name": "web_fetch", "defer_loading": True}),
        "tools",
        TOOL_CACHING,
    ),
    ({}, {"tool_choice": {"type": "auto"}}, "messages", CACHING),
    (
        {},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
        "messages",
        CACHING,
    ),
    ({}, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "system", CACHING),
    ({}, {"tool_choice": {"type": "any"}}, "system", CACHING),
    ({}, {"speed": "fast"}, "tools", CACHING),
    ({}, {"speed": "standard"}, "messages", CACHING),
    ({}, last(CITED), "tools", CACHING),
    ({}, last({**CITED, "citations": {"enabled": False}}), "messages", CACHING),
    ({}, last(IMAGE), "system", CACHING),
    # Thinking and effort.
    ({}, thinking(type="adaptive"), "messages", "build-with-claude/thinking"),
    ({}, thinking(type="disabled"), "nothing", "build-with-claude/thinking"),
    ({}, thinking(type="between_tools"), "nothing", "SDK"),
    ({}, output(effort="high"), "messages", "build-with-claude/effort"),
    ({}, output(effort="low"), "nothing", "build-with-claude/effort"),
    # An explicit default, or null, is none.
    ({}, {"inference_geo": "global"}, "messages", "manage-claude/data-residency"),
    ({}, {"inference_geo": None}, "messages", "SDK"),
    ({}, {"cache_control": None}, "messages", "BerriAI/litellm#19916"),
    ({}, {"thinking": None, "tool_choice": None, "output_config": None}, "messages", "SDK"),
    ({}, output(effort=None, format=None), "messages", "SDK"),
    ({}, {"container": None, "mcp_servers": None, "speed": None}, "messages", "SDK"),
    ({}, tools(type=None, strict=None), "messages", "SDK"),
    # What belongs to one run, request or user.
    ({}, {"thread": {"type": "create"}}, "system", MESSAGES),
    ({}, {"fallbacks": [{"model": "claude-opus-4-8"}]}, "messages", MESSAGES),
    ({}, {"fallback_credit_token": "t"}, "messages", MESSAGES),
    ({}, {"billing_policy": {"type": "billing_policy"}}, "messages", MESSAGES),
    ({}, {"compaction": {"type": "summarize"}}, "system", MESSAGES),
    ({}, {"metadata": {"user_id": "u"}}, "messages", CACHING),
    ({}, {"user_profile_id": "u"}, "messages", "SDK"),
]


@pytest.mark.parametrize(("first", "then", "reads", "source"), RULES)
def test_what_still_reads(api: Api, first: Json, then: Json, reads: str, source: str) -> None:
    assert "/" in source or source == "SDK"
    for change in (first, then):
        assert api.counts(base(**change))[0] == 0 or change == then
    read = api.sim.requests()[-1]["usage"]["cache_read_input_tokens"]
    written = api.sim.requests()[0]["entries"]
    tokens = dict(
        zip(("tools", "system", "messages"), sorted(e["tokens"] for e in written), strict=True)
    )
    assert read == {"nothing": 0, **tokens}[reads]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-8"])
def test_no_thinking_is_disabled_thinking_on_these_models(api: Api, model: str) -> None:
    """build-with-claude/thinking-troubleshooting: off by default."""
    system = [{"type": "text", "text": "s" * 20_000, "cache_control": EPHEMERAL}]
    written = api.counts(base(model=model, system=system))[1]
    request = base(model=model, system=system, thinking={"type": "disabled"})
    assert api.counts(request)[:2] == (written, 0)


def test_null_is_no_breakpoint_anywhere(api: Api) -> None:
    """BerriAI/litellm#19916 sends it."""
    request = base(cache_control=None)
    for block in (*request["tools"], *request["system"], *request["messages"][0]["content"]):
        block["cache_control"] = None
    assert api.counts(request)[:2] == (0, 0)


@pytest.mark.parametrize("tier", ["all", "system", "messages"])
def test_a_default_is_none_whatever_tier_thinking_reaches(make_api: MakeApi, tier: str) -> None:
    api = make_api(thinking_tier=tier)
    written = api.counts(base())[1]
    change = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    assert api.counts(base(**change))[:2] == (written, 0)


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("claude-haiku-4-5", False),
        ("claude-sonnet-4-5", False),
        ("claude-opus-4-5", True),
        ("claude-sonnet-4-6", True),
        ("claude-haiku-5-5", True),
    ],
)
def test_thinking_is_stripped_once_the_user_speaks_again(api: Api, model: str, kept: bool) -> None:
    """build-with-claude/prompt-caching#caching-with-thinking-blocks: on older models."""
    system = [{"type": "text", "text": "s" * 20_000, "cache_control": EPHEMERAL}]
    thought = {"type": "thinking", "thinking": "t" * 9000, "signature": "s"}
    use = {"type": "tool_use", "id": "t", "name": "a", "input": {"q": "1"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "r", "cache_control": EPHEMERAL}
    turns = [
        {"role": "user", "content": "Where is parcel 7?"},
        {"role": "assistant", "content": [thought, use]},
        {"role": "user", "content": [result]},
    ]
    request = base(model=model, system=system, messages=turns)
    total = sum(api.counts(request))
    assert api.counts(request)[0] == total
    assert total > 20_000 / 4 + 9000 / 4
    answered = [
        *turns,
        {"role": "assistant", "content": "There."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Thanks", "cache_control": EPHEMERAL}],
        },
    ]
    again = api.counts({**request, "messages": answered})
    assert (again[0] == total) is kept
    assert (sum(again) > total) is kept
