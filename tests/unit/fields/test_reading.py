"""What callers ask the table, on requests of every kind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from prefixwarm.fields.block_rules import (
    block_row,
    calls_by_code,
    can_be_marked,
    choice_of,
    cleared_messages,
    is_rendered,
    kind_of,
)
from prefixwarm.fields.field_table import table
from prefixwarm.fields.leaving_out import without_one_run
from prefixwarm.fields.normal import normal
from prefixwarm.fields.parameters import Parameter, parameters
from prefixwarm.fields.visits import CONVERSE, unknown_fields
from prefixwarm.fields.zero_output import Obstacle, zero_obstacles

Json = dict[str, Any]
SCHEMA: Json = {"type": "object"}
FORMAT: Json = {"type": "json_schema", "schema": SCHEMA}
PNG: Json = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
USER: list[Json] = [{"role": "user", "content": "a"}]


def _values(body: Json, headers: dict[str, str] | None = None, shape: str = "request") -> Json:
    return {
        name: parameter.value for name, parameter in parameters(body, headers, shape=shape).items()
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {}),
        ({"model": "claude-opus-5", "max_tokens": 5, "stream": True}, {"model": "claude-opus-5"}),
        ({"metadata": {"user_id": "u"}, "stop_sequences": ["x"], "temperature": 0.5}, {}),
        ({"container": "container_1"}, {}),
        (
            {"container": {"id": "container_1", "skills": [{"type": "custom", "skill_id": "s"}]}},
            {"container.skills": [{"type": "custom", "skill_id": "s"}]},
        ),
        (
            {"mcp_servers": [{"type": "url", "name": "j", "url": "u", "authorization_token": "t"}]},
            {"mcp_servers": [{"type": "url", "name": "j", "url": "u"}]},
        ),
        ({"output_format": FORMAT}, {"output_config.format": FORMAT}),
        ({"output_config": {"format": FORMAT}}, {"output_config.format": FORMAT}),
        ({"output_config": {"format": None, "effort": None}}, {}),
        ({"tool_choice": {"type": "auto"}}, {}),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}, {}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "any"}}),
        ({"speed": "standard", "inference_geo": "global"}, {}),
        ({"speed": "fast"}, {"speed": "fast"}),
        ({"thread": {"type": "create"}}, {"thread": {"type": "create"}}),
        (
            {"tools": [{"type": "web_search_20250305", "name": "w", "defer_loading": True}]},
            {"web_search": True},
        ),
        ({"anthropic_beta": ["b", "a"]}, {"anthropic-beta": ["a", "b"]}),
        ({"anthropic_version": "bedrock-2023-05-31"}, {"anthropic-version": "bedrock-2023-05-31"}),
    ],
)
def test_parameters_that_are_in_the_key(body: Json, expected: Json) -> None:
    assert _values(body) == expected


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "alike"),
    [
        ("claude-haiku-4-5", {"type": "disabled"}, None, True),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", {"type": "disabled"}, None, True),
        ("claude-opus-5", {"type": "adaptive"}, "high", True),
        ("claude-opus-5", {"type": "disabled"}, None, False),
        ("claude-opus-5-5", {"type": "adaptive"}, "medium", True),
        ("anthropic.claude-opus-5-5", None, "high", False),
        ("claude-opus-4-20250514", {"type": "disabled"}, "high", True),
        ("claude-sonnet-4.5", None, "high", True),
        ("some-model", {"type": "adaptive"}, None, False),
    ],
)
def test_an_explicit_default_of_the_model_is_the_same_as_none(
    model: str, thinking: Json | None, effort: str | None, alike: bool
) -> None:
    body = {"model": model, "thinking": thinking, "output_config": {"effort": effort}}
    assert (_values(body) == {"model": model}) is alike


def test_parameters_say_where_they_stand_and_what_they_reach() -> None:
    body = {"speed": "fast", "model": "m", "tool_choice": {"type": "any"}}
    assert list(parameters(body).values()) == [
        Parameter("model", "model", "parameters", "m"),
        Parameter("speed", "speed", "system", "fast"),
        Parameter("tool_choice", "tool_choice", "messages", {"type": "any"}),
    ]


def test_headers_are_parameters_and_a_login_is_none() -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "b, a,oauth-2025-04-20"}
    assert _values({}, headers) == {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": ["a", "b"],
    }
    assert _values({}, {"anthropic-beta": "oauth-2025-04-20", "x-api-key": "k"}) == {}
    assert _values({"anthropic_beta": ["c"]}, {"anthropic-beta": "a"})["anthropic-beta"] == [
        "a",
        "c",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"type": "text", "text": "a"}], {}),
        ([PNG], {"images": True}),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [PNG]}], {"images": True}),
        ([{"type": "document", "citations": {"enabled": True}}], {"citations": True}),
        ([{"type": "document", "citations": {"enabled": False}}], {}),
        ("text", {}),
        (None, {}),
    ],
)
def test_images_and_citations_count_wherever_they_stand(content: Any, expected: Json) -> None:
    assert _values({"messages": [{"role": "user", "content": content}]}) == expected


def test_a_converse_body_has_the_same_parameters_under_other_names() -> None:
    body: Json = {
        "modelId": "anthropic.claude-opus-5",
        "toolConfig": {"tools": [], "toolChoice": {"tool": {"name": "a"}}},
        "outputConfig": {"effort": "low", "textFormat": {"type": "json_schema"}},
        "performanceConfig": {"latency": "optimized"},
        "inferenceConfig": {"maxTokens": 5},
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "requestMetadata": {"user": "u"},
        "additionalModelRequestFields": {
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "anthropic_beta": ["b"],
        },
        "messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {}}}]}],
    }
    named = parameters(body, shape=CONVERSE)
    assert {name: (p.place, p.tier) for name, p in named.items()} == {
        "model": ("modelId", "parameters"),
        "output_config.effort": ("outputConfig.effort", "parameters"),
        "thinking": ("additionalModelRequestFields.thinking", "parameters"),
        "anthropic-beta": ("additionalModelRequestFields.anthropic_beta", "parameters"),
        "output_config.format": ("outputConfig.textFormat", "system"),
        "speed": ("performanceConfig.latency", "system"),
        "tool_choice": ("toolConfig.toolChoice", "messages"),
        "images": ("images", "messages"),
    }
    assert named["tool_choice"].value == {"type": "tool", "name": "a"}
    plain = {
        "toolConfig": {"toolChoice": {"auto": {}}},
        "performanceConfig": {"latency": "standard"},
    }
    assert parameters(plain, shape=CONVERSE) == {}
    chosen = {"toolConfig": {"toolChoice": {"any": {}}}}
    assert _values(chosen, shape=CONVERSE) == {"tool_choice": {"type": "any"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"tool_choice": {"type": "auto"}, "thinking": {"type": "adaptive"}}, []),
        ({"stream": False, "output_config": {"effort": "low"}}, []),
        ({"stream": True}, [Obstacle("stream", "True", None, 1)]),
        ({"tool_choice": {"type": "any"}}, [Obstacle("tool_choice", "any", "messages", 1)]),
        (
            {"tool_choice": {"type": "tool", "name": "a"}},
            [Obstacle("tool_choice", "tool", "messages", 1)],
        ),
        (
            {"output_config": {"format": FORMAT}},
            [Obstacle("output_config.format", "json_schema", "system", 1)],
        ),
        ({"output_format": FORMAT}, [Obstacle("output_format", "json_schema", "system", 1)]),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            [Obstacle("thinking", "enabled", "parameters", None)],
        ),
    ],
)
def test_what_forbids_zero_output_tokens(body: Json, expected: list[Obstacle]) -> None:
    assert zero_obstacles({**body, "messages": USER}) == expected


def test_a_budget_forbids_one_token_on_converse_too() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = {"additionalModelRequestFields": {"thinking": thinking}}
    place = "additionalModelRequestFields.thinking"
    assert zero_obstacles(body, CONVERSE) == [Obstacle(place, "enabled", "parameters", None)]


@pytest.mark.parametrize(
    ("body", "rest", "left"),
    [
        ({"system": "s", "stop_sequences": ["x"]}, {"system": "s", "stop_sequences": ["x"]}, {}),
        ({"container": "c1"}, {}, {"container": "run"}),
        ({"container": {"id": "c1"}}, {}, {"container.id": "run"}),
        (
            {"container": {"id": "c1", "skills": [1]}},
            {"container": {"skills": [1]}},
            {"container.id": "run"},
        ),
        ({"metadata": {"user_id": "u"}}, {}, {"metadata": "request"}),
        (
            {"fallback_credit_token": "t", "compaction": {"type": "summarize"}},
            {},
            {"fallback_credit_token": "request", "compaction": "request"},
        ),
        ({"thread": {"type": "create"}}, {}, {"thread": "run"}),
        ({"stream": True, "max_tokens": 9}, {}, {"stream": "reply", "max_tokens": "reply"}),
        ({"user_profile_id": "u"}, {}, {"user_profile_id": "request"}),
        ({"strange": 1}, {"strange": 1}, {}),
    ],
)
def test_what_a_warm_call_goes_without(body: Json, rest: Json, left: dict[str, str]) -> None:
    before = repr(body)
    assert without_one_run(body) == (rest, left)
    assert repr(body) == before


def test_what_a_warm_call_goes_without_on_converse() -> None:
    body: Json = {
        "guardrailConfig": {"guardrailIdentifier": "g", "streamProcessingMode": "sync"},
        "requestMetadata": {"user": "u"},
        "additionalModelRequestFields": {"metadata": {"user_id": "u"}, "top_k": 5},
    }
    rest, left = without_one_run(body, CONVERSE)
    assert rest == {
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "additionalModelRequestFields": {"top_k": 5},
    }
    assert left == {
        "guardrailConfig.streamProcessingMode": "reply",
        "requestMetadata": "request",
        "additionalModelRequestFields.metadata": "request",
    }


def _toolset(**more: Any) -> Json:
    return {"type": "mcp_toolset", "mcp_server_name": "j", **more}


LATE, NOW = {"defer_loading": True}, {"defer_loading": False}
ALL_LATE = {
    name: LATE
    for name, row in table().shapes["browser_toolset_configs"].rows.items()
    if row.holds == "member"
}


@pytest.mark.parametrize(
    ("tool", "rendered", "marked"),
    [
        ({"name": "a", "input_schema": {}}, True, "yes"),
        ({"name": "a", "defer_loading": False}, True, "yes"),
        ({"name": "a", "defer_loading": True}, False, "no"),
        ({"type": "custom", "name": "a", "defer_loading": True}, False, "no"),
        ({"type": "web_search_20260318", "name": "web_search", "defer_loading": True}, False, "no"),
        ({"type": "tool_search_tool_regex_20251119", "name": "t"}, True, "yes"),
        (_toolset(), True, "yes"),
        (_toolset(default_config=LATE), False, "no"),
        (_toolset(default_config=LATE, configs={"a": {"enabled": False}}), False, "no"),
        (_toolset(default_config=LATE, configs={"a": NOW}), True, "yes"),
        (_toolset(default_config={"enabled": False}, configs={"a": LATE}), False, "no"),
        (_toolset(default_config=LATE, configs={"a": NOW}, tools=[{"name": "b"}]), False, "no"),
        (_toolset(tools=[{"name": "b"}], configs={"b": LATE}), False, "no"),
        ({"type": "browser_toolset_20260801"}, True, "yes"),
        ({"type": "browser_toolset_20260801", "configs": {"zoom": LATE}}, True, "yes"),
        ({"type": "browser_toolset_20260801", "configs": ALL_LATE}, False, "no"),
        ({"type": "invented_tool", "name": "x"}, True, "unsettled"),
    ],
)
def test_deferred_tools_are_no_part_of_the_prompt(tool: Json, rendered: bool, marked: str) -> None:
    assert is_rendered(tool, "tool") is rendered
    assert can_be_marked(tool, "tool") == marked


def test_converse_elements_are_rendered() -> None:
    assert is_rendered({"toolSpec": {"name": "a"}}, "Tool")
    assert is_rendered({"text": "a"}, "ContentBlock")


@pytest.mark.parametrize(
    ("choice", "block", "marked"),
    [
        ("system_block", {"type": "text", "text": "a"}, "yes"),
        ("system_block", {"type": "text", "text": ""}, "no"),
        ("content", {"type": "thinking", "thinking": "t"}, "no"),
        ("content", {"type": "fallback"}, "no"),
        ("content", {"type": "tool_use", "caller": {"type": "direct"}}, "yes"),
        (
            "content",
            {"type": "tool_use", "caller": {"type": "code_execution_20260120", "tool_id": "s"}},
            "no",
        ),
        ("content", {"type": "tool_result", "tool_use_id": "by-code"}, "no"),
        ("content", {"type": "tool_result", "tool_use_id": "t"}, "yes"),
        ("result_content", {"type": "text", "text": "a"}, "unsettled"),
        ("source_content", {"type": "text", "text": "a"}, "no"),
        ("ContentBlock", {"text": "a"}, "yes"),
        ("ContentBlock", {"text": "", "cache_control": {}}, "no"),
        ("ContentBlock", {"reasoningContent": {}}, "no"),
        ("ContentBlock", {"document": {"format": "pdf", "name": "d"}}, "yes"),
        ("ContentBlock", {"document": {"format": "txt", "name": "d"}}, "no"),
        ("Tool", {"toolSpec": {"name": "a"}}, "yes"),
        ("Tool", {"cachePoint": {"type": "default"}}, "no"),
    ],
)
def test_which_blocks_can_be_marked(choice: str, block: Json, marked: str) -> None:
    assert can_be_marked(block, choice, {"by-code"}) == marked


def test_calls_that_code_made() -> None:
    code = {"type": "code_execution_20250825", "tool_id": "s"}
    content = [
        {"type": "tool_use", "id": "a", "caller": code},
        {"type": "tool_use", "id": "b", "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "c"},
    ]
    assert calls_by_code([{"role": "assistant", "content": content}, "odd"]) == {"a"}
    assert calls_by_code(None) == set()


def test_a_message_is_cleared_once_a_user_speaks_again() -> None:
    message = {"role": "system", "content": "be short", "clear_at": "next_user_message"}
    assert cleared_messages([*USER, message, *USER]) == {1}
    assert cleared_messages([*USER, message]) == set()
    assert cleared_messages([message]) == set()
    assert cleared_messages([*USER, {**message, "clear_at": "never"}, *USER]) == set()


@pytest.mark.parametrize(
    ("shape", "value", "expected"),
    [
        ("tool", {"name": "a", "cache_control": None, "defer_loading": False}, {"name": "a"}),
        ("tool", {"name": "a", "cache_control": {"type": "ephemeral"}}, {"name": "a"}),
        (
            "tool",
            {"name": "a", "input_schema": {"properties": {"cache_control": {}, "x": None}}},
            {"name": "a", "input_schema": {"properties": {"cache_control": {}, "x": None}}},
        ),
        ("tool", _toolset(configs={}, default_config={}), _toolset()),
        ("tool", _toolset(default_config={"enabled": True, "defer_loading": False}), _toolset()),
        (
            "tool",
            _toolset(default_config={"enabled": False}, configs={"a": {"enabled": True}}),
            _toolset(default_config={"enabled": False}, configs={"a": {"enabled": True}}),
        ),
        (
            "tool",
            {"type": "browser_toolset_20260801", "configs": {"zoom": {"enabled": True}}},
            {"type": "browser_toolset_20260801"},
        ),
        (
            "tool",
            {"type": "browser_toolset_20260801", "configs": {"file_upload": {"enabled": True}}},
            {"type": "browser_toolset_20260801", "configs": {"file_upload": {"enabled": True}}},
        ),
        (
            "content",
            {"type": "document", "title": None, "citations": {"enabled": False}},
            {"type": "document"},
        ),
        (
            "content",
            {
                "type": "tool_result",
                "content": [{"type": "text", "text": "a", "cache_control": {}}],
            },
            {"type": "tool_result", "content": [{"type": "text", "text": "a"}]},
        ),
        ("content", {"type": "invented", "cache_control": None}, {"type": "invented"}),
        (
            "content",
            {"type": "text", "text": "a", "odd": 1},
            {"type": "text", "text": "a", "odd": 1},
        ),
        ("ContentBlock", {"text": "a", "cache_control": {"type": "ephemeral"}}, {"text": "a"}),
        ("ContentBlock", {"document": {"citations": {"enabled": False}}}, {"document": {}}),
        ("content", "text", "text"),
    ],
)
def test_the_normal_form_has_neither_breakpoints_nor_defaults(
    shape: str, value: Any, expected: Any
) -> None:
    assert normal(value, shape) == expected


def test_the_normal_form_keeps_the_order_of_keys() -> None:
    block = {"input_schema": SCHEMA, "name": "a", "description": "d"}
    assert list(normal(block, "tool")) == ["input_schema", "name", "description"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m", "messages": USER}, []),
        ({"new_field": 1}, ["new_field"]),
        ({"output_config": {"effort": "low", "verbosity": 1}}, ["output_config.verbosity"]),
        ({"tools": [{"type": "invented_2027", "name": "x"}]}, ["tools[0]"]),
        ({"tools": [{"name": "x", "input_schema": {"anything": 1}, "new": 1}]}, ["tools[0].new"]),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}], "mood": "x"}]},
            ["messages[0].content[0]", "messages[0].mood"],
        ),
        ({"tools": [_toolset(configs={"a": {"later": True}})]}, ["tools[0].configs.a.later"]),
    ],
)
def test_fields_that_the_table_does_not_know(body: Json, expected: list[str]) -> None:
    assert unknown_fields(body) == expected


def test_fields_that_the_table_does_not_know_on_converse() -> None:
    body: Json = {
        "modelId": "m",
        "newConfig": {},
        "system": [{"text": "a"}, {"cachePoint": {"type": "default"}}],
        "additionalModelRequestFields": {"thinking": {"type": "disabled"}, "odd": 1},
        "messages": [{"role": "user", "content": [{"hologram": {}}]}],
    }
    assert unknown_fields(body, CONVERSE) == [
        "newConfig",
        "additionalModelRequestFields.odd",
        "messages[0].content[0].hologram",
    ]


def test_choices_of_blocks() -> None:
    assert choice_of("messages") == "content"
    assert choice_of("messages", role="system") == "system_content"
    assert choice_of("messages", CONVERSE, "system") == "ContentBlock"
    assert kind_of({"name": "a"}, "tool") == "custom"
    assert kind_of({"cache_control": {}, "text": "a"}, "ContentBlock") == "text"
    assert kind_of({}, "ContentBlock") == ""
    assert block_row({"type": "hologram"}, "content") is None


def test_reading_takes_the_standard_library_alone() -> None:
    code = (
        "import sys, prefixwarm.fields.block_rules, prefixwarm.fields.parameters as p;"
        "p.parameters({});"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(run.stdout.split()) <= {"__main__", "prefixwarm"}
