"""One answer everywhere: does a request read what is warmed, and if not, which tier differs?

Each row says by hand what is right: a change to an agent's request, and the tier that it ends at,
or None where the request still reads all of the prefix. Asked are the prompt, `check`, `diff`,
observe (before the reply and after it), capture, the breakpoint that observe adds, and the
simulator's own usage.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "What invalidates
the cache"; .../agents-and-tools/tool-use/tool-use-with-prompt-caching; and, where a comment says
so, the page that it names.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from prefixwarm.capture.captured_request import CapturedRequest
from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.lint.verdict import judge
from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.observe.matcher import Matcher
from prefixwarm.prefix.prompt import Prompt
from tests.helpers.prefixes import make_prefix

Json = dict[str, Any]

MARKER: Json = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
POINT: Json = {"cachePoint": {"type": "default", "ttl": "1h"}}
SCHEMA: Json = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}
ANSWER = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
FORMAT: Json = {"type": "json_schema", "schema": ANSWER}
VERSION = {"anthropic-version": "2023-06-01"}
PNG = "iVBORw0KGgo="


def _text(text: str, **more: Any) -> Json:
    return {"type": "text", "text": text, **more}


def _tool(name: str, **more: Any) -> Json:
    return {"name": name, "description": f"{name} parcels. " * 90, "input_schema": SCHEMA, **more}


LATE = [_tool(f"late_{n}", defer_loading=True) for n in range(3)]
SEARCH = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
TOOLS = [_tool("find"), _tool("cancel")]
SYSTEM = [_text("You are a careful clerk. " * 90), _text("Be kind. " * 90, **MARKER)]
DOCUMENT = _text("A contract about parcels. " * 150)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
PLAIN: Json = {"type": "text", "media_type": "text/plain", "data": "A note."}


def _cited(**more: Any) -> Json:
    return {"type": "document", "source": PLAIN, **more}


def _question(*content: Json) -> list[Json]:
    return [{"role": "user", "content": [*content, _text("Where is it?")]}]


def _agent(**more: Any) -> Json:
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 50,
        "tools": TOOLS,
        "system": SYSTEM,
        "messages": _question(),
        **more,
    }
    return {name: value for name, value in body.items() if value is not ...}


def _result(content: list[Json]) -> list[Json]:
    used = {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": "7"}}
    return [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": [used]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": content}],
        },
    ]


def _said_by_system(content: Any, **more: Any) -> list[Json]:
    return [*_question(), {"role": "system", "content": content, **more}]


ADDITION = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "late_0"}}
SKILLS = [{"type": "anthropic", "skill_id": "pptx", "version": "latest"}]
SERVERS = [{"type": "url", "url": "https://jira.example/mcp", "name": "jira"}]
EXAMPLES = [
    {"role": "user", "content": "Is it late?"},
    {"role": "assistant", "content": [_text("It is not.", **MARKER)]},
]

# What agents send. Its system, tools or messages end with a breakpoint.
AGENTS: dict[str, Json] = {
    "usual": _agent(),
    "tools alone": _agent(tools=[TOOLS[0], {**TOOLS[1], **MARKER}], system=...),
    "examples": _agent(messages=[*EXAMPLES, *_question()]),
    "document": _agent(tools=..., system=..., messages=_question({**DOCUMENT, **MARKER})),
    "deferred": _agent(tools=[SEARCH, *TOOLS, *LATE]),
    "haiku 4.5": _agent(model="claude-haiku-4-5", system=[_text("Be kind. " * 2500, **MARKER)]),
    "opus 5": _agent(model="claude-opus-5"),
    "skills": _agent(tools=[{"type": "code_execution_20250825", "name": "code_execution"}, *TOOLS]),
    "servers": _agent(mcp_servers=SERVERS),
    "formatted": _agent(output_config={"format": FORMAT}),
    "forced": _agent(tool_choice={"type": "any"}, model="claude-opus-5"),
    "mid-conversation": _agent(model="claude-opus-5", tools=[*TOOLS, LATE[0]]),
}
AGENTS["skills"]["container"] = {"skills": SKILLS}

BETAS = {
    "skills": "code-execution-2025-08-25,skills-2025-10-02",
    "servers": "mcp-client-2025-04-04",
    "mid-conversation": (
        "mid-conversation-tool-changes-2026-07-01,mid-conversation-output-config-2026-07-01,"
        "mid-conversation-system-clear-at-2026-08-21"
    ),
}


def _headers(agent: str) -> dict[str, str]:
    beta = BETAS.get(agent)
    return {**VERSION, "anthropic-beta": beta} if beta else VERSION


def _swapped(schema: Json) -> Json:
    return {**schema, "properties": dict(reversed(schema["properties"].items()))}


# agent, name of the change, what of the body it replaces, tier
ROWS: list[tuple[str, str, Json, str | None]] = [
    # --- what is not in the key
    ("usual", "nothing", {}, None),
    ("usual", "another question", {"messages": [{"role": "user", "content": "When?"}]}, None),
    ("usual", "max_tokens", {"max_tokens": 999}, None),
    ("usual", "metadata", {"metadata": {"user_id": "u-1"}}, None),
    ("usual", "metadata null", {"metadata": {"user_id": None}}, None),
    ("usual", "stop sequences", {"stop_sequences": ["END"]}, None),
    ("usual", "service tier", {"service_tier": "auto"}, None),
    ("usual", "diagnostics", {"diagnostics": {"previous_message_id": None}}, None),
    ("usual", "container id", {"container": "container_011EXAMPLE"}, None),
    ("usual", "fallback credit", {"fallback_credit_token": "fct_EXAMPLE"}, None),
    # --- explicit defaults; /build-with-claude/effort, .../thinking
    ("usual", "effort high", {"output_config": {"effort": "high"}}, None),
    ("usual", "effort null", {"output_config": {"effort": None}}, None),
    ("usual", "format null", {"output_config": {"format": None}}, None),
    ("usual", "thinking adaptive", {"thinking": {"type": "adaptive"}}, None),
    ("haiku 4.5", "thinking disabled", {"thinking": {"type": "disabled"}}, None),
    ("opus 5", "thinking adaptive", {"thinking": {"type": "adaptive"}}, None),
    ("usual", "speed standard", {"speed": "standard"}, None),
    ("usual", "geography global", {"inference_geo": "global"}, None),
    ("usual", "choice auto", {"tool_choice": {"type": "auto"}}, None),
    (
        "usual",
        "parallel use allowed",
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
        None,
    ),
    ("usual", "null marker", {"tools": [{**TOOLS[0], "cache_control": None}, TOOLS[1]]}, None),
    ("usual", "not deferred", {"tools": [{**TOOLS[0], "defer_loading": False}, TOOLS[1]]}, None),
    ("usual", "typed custom", {"tools": [{**TOOLS[0], "type": "custom"}, TOOLS[1]]}, None),
    (
        "usual",
        "not strict",
        {"tools": [{**TOOLS[0], "strict": False, "input_examples": []}, TOOLS[1]]},
        None,
    ),
    ("usual", "no servers", {"mcp_servers": []}, None),
    ("usual", "no skills", {"container": {"skills": []}}, None),
    ("usual", "no edits", {"context_management": {"edits": []}}, None),
    (
        "usual",
        "binding of thinking",
        {"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}},
        None,
    ),
    ("usual", "no citations", {"messages": _question(_cited(citations={"enabled": False}))}, None),
    ("usual", "citations null", {"messages": _question(_cited(citations=None))}, None),
    # --- a breakpoint inside a result is sent by frameworks (BerriAI/litellm#6422)
    ("usual", "inner marker", {"messages": _result([_text("ok", **MARKER)])}, None),
    # --- /build-with-claude/mid-conversation-system-messages, .../effort-per-message
    ("mid-conversation", "nothing", {}, None),
    ("mid-conversation", "system", {"messages": _said_by_system("Be short.")}, None),
    (
        "mid-conversation",
        "cleared",
        {"messages": _said_by_system("Be short.", clear_at="next_user_message")},
        None,
    ),
    (
        "mid-conversation",
        "effort",
        {"messages": _said_by_system([], output_config={"effort": "low"})},
        None,
    ),
    ("mid-conversation", "tool addition", {"messages": _said_by_system([ADDITION])}, None),
    # --- what all tiers depend on
    ("usual", "thinking disabled", {"thinking": {"type": "between_tools"}}, "shape"),
    ("opus 5", "thinking disabled", {"thinking": {"type": "disabled"}}, "shape"),
    ("usual", "effort low", {"output_config": {"effort": "low"}}, "shape"),
    ("usual", "effort max", {"output_config": {"effort": "max"}}, "shape"),
    ("usual", "geography us", {"inference_geo": "us"}, "shape"),
    ("usual", "another model", {"model": "claude-opus-5"}, "shape"),
    (
        "haiku 4.5",
        "thinking budget",
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 3000},
        "shape",
    ),
    # --- tools
    ("usual", "description", {"tools": [_tool("find", description="x"), TOOLS[1]]}, "tools"),
    ("usual", "tools turned", {"tools": TOOLS[::-1]}, "tools"),
    ("usual", "tool added", {"tools": [*TOOLS, _tool("buy")]}, "tools"),
    ("usual", "tool removed", {"tools": TOOLS[:1]}, "tools"),
    (
        "usual",
        "key order",
        {"tools": [{**TOOLS[0], "input_schema": _swapped(SCHEMA)}, TOOLS[1]]},
        "tools",
    ),
    ("usual", "strict", {"tools": [{**TOOLS[0], "strict": True}, TOOLS[1]]}, "tools"),
    (
        "usual",
        "web search",
        {"tools": [*TOOLS, {"type": "web_search_20250305", "name": "web_search"}]},
        "tools",
    ),
    ("tools alone", "nothing", {}, None),
    ("tools alone", "a system prompt", {"system": "Today is Monday."}, None),
    ("tools alone", "speed", {"speed": "fast", "model": "claude-opus-5"}, "shape"),
    ("tools alone", "format", {"output_config": {"format": FORMAT}}, None),
    (
        "tools alone",
        "citations",
        {"messages": _question(_cited(citations={"enabled": True}))},
        None,
    ),
    # --- deferred tools; /agents-and-tools/tool-use/tool-search-tool
    ("deferred", "nothing", {}, None),
    ("deferred", "fewer of them", {"tools": [SEARCH, *TOOLS, *LATE[:1]]}, None),
    ("deferred", "others", {"tools": [SEARCH, *TOOLS, LATE[2]]}, None),
    ("deferred", "in front", {"tools": [*LATE, SEARCH, *TOOLS]}, None),
    ("deferred", "turned", {"tools": [SEARCH, *TOOLS, *LATE[::-1]]}, None),
    ("deferred", "one loaded", {"tools": [SEARCH, *TOOLS, _tool("late_0")]}, "tools"),
    ("deferred", "one more deferred", {"tools": [SEARCH, TOOLS[0], *LATE]}, "tools"),
    # --- system
    ("usual", "text", {"system": [_text("You were a clerk."), SYSTEM[1]]}, "system"),
    (
        "usual",
        "split",
        {"system": [*SYSTEM[:1], _text("Be kind. " * 45), _text("Be kind. " * 45)]},
        "system",
    ),
    ("usual", "one more behind", {"system": [*SYSTEM, _text("Serve Ann.")]}, None),
    ("usual", "format", {"output_config": {"format": FORMAT}}, "system"),
    ("opus 5", "fast", {"speed": "fast"}, "system"),
    ("usual", "citations", {"messages": _question(_cited(citations={"enabled": True}))}, "system"),
    # --- skills; /build-with-claude/skills-guide, "Prompt caching considerations"
    ("skills", "nothing", {}, None),
    ("skills", "an id", {"container": {"id": "container_1", "skills": SKILLS}}, None),
    (
        "skills",
        "one more",
        {"container": {"skills": [*SKILLS, {**SKILLS[0], "skill_id": "xlsx"}]}},
        "system",
    ),
    ("skills", "version", {"container": {"skills": [{**SKILLS[0], "version": "1"}]}}, "system"),
    ("skills", "none", {"container": "container_1"}, "system"),
    # --- connectors' tools; /agents-and-tools/mcp-connector
    ("servers", "nothing", {}, None),
    ("servers", "another", {"mcp_servers": [{**SERVERS[0], "url": "https://x.example"}]}, "tools"),
    (
        "servers",
        "configuration",
        {"mcp_servers": [{**SERVERS[0], "tool_configuration": {"allowed_tools": ["search"]}}]},
        "tools",
    ),
    ("servers", "none", {"mcp_servers": []}, "tools"),
    (
        "servers",
        "a token",
        {"mcp_servers": [{**SERVERS[0], "authorization_token": "made-up"}]},
        None,
    ),
    # --- structured output by either name; /build-with-claude/structured-outputs
    ("formatted", "nothing", {}, None),
    ("formatted", "the older name", {"output_config": ..., "output_format": FORMAT}, None),
    ("formatted", "none", {"output_config": {}}, "system"),
    (
        "formatted",
        "another",
        {"output_config": {"format": {**FORMAT, "schema": {**ANSWER, "required": ["a"]}}}},
        "system",
    ),
    # --- messages
    ("usual", "choice none", {"tool_choice": {"type": "none"}}, None),
    ("usual", "images", {"messages": _question(IMAGE)}, None),
    ("forced", "nothing", {}, None),
    ("forced", "auto", {"tool_choice": {"type": "auto"}}, None),
    ("forced", "one tool", {"tool_choice": {"type": "tool", "name": "find"}}, None),
    ("examples", "nothing", {}, None),
    ("examples", "choice none", {"tool_choice": {"type": "none"}}, "messages"),
    (
        "examples",
        "no parallel use",
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        "messages",
    ),
    ("examples", "images", {"messages": [*EXAMPLES, *_question(IMAGE)]}, "messages"),
    (
        "examples",
        "another answer",
        {"messages": [EXAMPLES[0], {"role": "assistant", "content": "It is."}, *_question()]},
        "messages",
    ),
    (
        "examples",
        "text as a block",
        {
            "messages": [
                {"role": "user", "content": [_text("Is it late?")]},
                EXAMPLES[1],
                *_question(),
            ]
        },
        None,
    ),
    ("document", "nothing", {}, None),
    (
        "document",
        "another question",
        {"messages": [{"role": "user", "content": [{**DOCUMENT, **MARKER}, _text("Who?")]}]},
        None,
    ),
    (
        "document",
        "another document",
        {"messages": _question(_text("B. " * 900, **MARKER))},
        "messages",
    ),
    ("document", "choice", {"tools": TOOLS}, "tools"),
    ("document", "a system prompt", {"system": "Be short."}, "system"),
]


def _block(text: str) -> Json:
    return {"text": text}


def _spec(name: str, **more: Any) -> Json:
    described = {"description": f"{name} parcels. " * 90, "inputSchema": {"json": SCHEMA}}
    return {"toolSpec": {"name": name, **described, **more}}


CONVERSE_SYSTEM = [_block("You are a careful clerk. " * 200), POINT]
CONVERSE: Json = {
    "modelId": "eu.anthropic.claude-sonnet-5-5",
    "system": CONVERSE_SYSTEM,
    "toolConfig": {"tools": [_spec("find"), _spec("cancel")]},
    "messages": [{"role": "user", "content": [_block("Where is it?")]}],
}


def _configured(**more: Any) -> Json:
    return {"toolConfig": {**CONVERSE["toolConfig"], **more}}


PICTURE = {"image": {"format": "png", "source": {"bytes": PNG}}}
NOTE = {"document": {"format": "txt", "name": "n", "source": {"text": "A note."}}}
CITED = {"document": {**NOTE["document"], "citations": {"enabled": True}}}

AGENTS |= {
    "converse": CONVERSE,
    "converse document": {
        **{name: CONVERSE[name] for name in ("modelId",)},
        "messages": [{"role": "user", "content": [*CONVERSE_SYSTEM, _block("Who signs?")]}],
    },
}


def _asked(*content: Json) -> Json:
    return {"messages": [{"role": "user", "content": [*content, _block("When?")]}]}


ROWS += [
    ("converse", "nothing", {}, None),
    ("converse", "another question", _asked(), None),
    (
        "converse",
        "not strict",
        _configured(tools=[_spec("find", strict=False), _spec("cancel")]),
        None,
    ),
    ("converse", "limits", {"inferenceConfig": {"maxTokens": 9}}, None),
    ("converse", "metadata", {"requestMetadata": {"user": "u"}}, None),
    ("converse", "choice auto", _configured(toolChoice={"auto": {}}), None),
    ("converse", "latency standard", {"performanceConfig": {"latency": "standard"}}, None),
    ("converse", "effort high", {"outputConfig": {"effort": "high"}}, None),
    ("converse", "effort low", {"outputConfig": {"effort": "low"}}, "shape"),
    (
        "converse",
        "thinking",
        {"additionalModelRequestFields": {"thinking": {"type": "between_tools"}}},
        "shape",
    ),
    ("converse", "betas", {"additionalModelRequestFields": {"anthropic_beta": ["x"]}}, "shape"),
    ("converse", "tool added", _configured(tools=[_spec("find"), _spec("x")]), "tools"),
    ("converse", "text", {"system": [_block("You were."), POINT]}, "system"),
    ("converse", "more behind", {"system": [*CONVERSE_SYSTEM, _block("Serve Ann.")]}, None),
    ("converse", "image", _asked(PICTURE), None),
    ("converse", "citations", _asked(CITED), "system"),
    ("converse document", "nothing", {}, None),
    ("converse document", "another question", _asked(*CONVERSE_SYSTEM), None),
    ("converse document", "another document", _asked(_block("B. " * 900), POINT), "messages"),
    ("converse document", "a system prompt", {"system": [_block("Be short.")]}, "system"),
]


class Row:
    """One agent, its prefix, and the request that is asked about."""

    def __init__(self, agent: str, change: Json) -> None:
        converse = agent.startswith("converse")
        self.route = "bedrock-converse" if converse else "anthropic"
        self.headers = {} if converse else _headers(agent)
        self.agent = copy.deepcopy(AGENTS[agent])
        changed = {**self.agent, **copy.deepcopy(change)}
        self.request = {name: value for name, value in changed.items() if value is not ...}
        if "document" in agent:
            (extracted,) = self.extracted([self.agent, _other_question(self.agent)])
            self.prefix = extracted.prefix
        else:
            self.prefix = make_prefix(
                "x",
                self.agent,
                route=self.route,
                headers=self.headers,
                shared_messages=2 if agent == "examples" else 0,
            )

    def extracted(self, bodies: list[Json]) -> list[Any]:
        """What capture makes of these requests."""
        sent = [CapturedRequest(self.route, self.headers, body) for body in bodies]
        return prefixes_from_requests(sent, name="x")


def _other_question(body: Json) -> Json:
    *content, question = body["messages"][0]["content"]
    return {
        **body,
        "messages": [{"role": "user", "content": [*content, {**question, "text": "Which one?"}]}],
    }


@pytest.fixture(params=ROWS, ids=[f"{agent}: {change}" for agent, change, *_ in ROWS])
def case(request: pytest.FixtureRequest) -> tuple[Row, str | None]:
    """One row."""
    agent, _, change, tier = request.param
    return Row(agent, change), tier


def test_eighty_rows_or_more() -> None:
    """And none twice."""
    assert len({(agent, change) for agent, change, *_ in ROWS}) == len(ROWS) >= 80


def test_the_comparisons_agree(case: tuple[Row, str | None]) -> None:
    """The prompt itself, `check`, `diff` and observe."""
    row, tier = case
    warmed, sent = Prompt.of_file(row.prefix), Prompt(row.request, row.headers, row.route)
    missed = warmed.missed_by(sent)
    assert (missed.tier if missed else None) == tier
    verdict = judge(row.prefix, row.request, row.headers)
    assert (verdict.drift.tier if verdict.drift else None) == tier
    differences = warmed.differences(sent, as_prefix=True)
    assert (tier in {difference.tier for difference in differences}) if tier else not differences
    before = Matcher([row.prefix]).match(row.request, row.headers)
    assert (before.drift if before else "shape") == tier
    after = warmed.missed_parameter(Prompt(row.request, row.headers, row.route))
    assert tier is not None or after is None


def test_the_simulator_agrees(case: tuple[Row, str | None], provider: Any) -> None:
    """What the request reads of the warmed entry; also with the breakpoint that observe adds."""
    row, tier = case
    assert provider.reads(row.prefix, row.request, row.headers) is (tier is None)
    if tier is None:
        bare = _unmarked(row.request)
        added = with_breakpoint(bare, row.prefix)
        assert added is not None
        assert provider.reads(row.prefix, added, row.headers)


def test_capture_agrees(case: tuple[Row, str | None]) -> None:
    """Each request reads what is captured of its agent, or a finding says that it does not."""
    row, _ = case
    for extracted in row.extracted([row.agent, row.request]):
        rules = {finding.rule.id for finding in extracted.findings}
        if extracted.prefix is None:
            assert rules & {"unwarmable", "under-minimum"}
            continue
        warmed = Prompt.of_file(extracted.prefix)
        missed = any(warmed.missed_by(sent.prompt) for sent in extracted.requests)
        assert missed == ("drift" in rules)


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value if "cachePoint" not in item]
    if isinstance(value, dict):
        return {name: _unmarked(v) for name, v in value.items() if name != "cache_control"}
    return value


BY_CODE = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
CALLED = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {}},
    {"type": "tool_use", "id": "t1", "name": "find", "input": {}, "caller": BY_CODE},
]
ANSWERED = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}

# What the provider answers with 400, each with what says so.
REFUSED: dict[str, Json] = {
    # /tool-use/tool-search-tool: a deferred tool can't also carry cache_control
    "marked deferred tool": {"tools": [*TOOLS, {**LATE[0], **MARKER}]},
    # ... and at least one tool must not be deferred
    "all deferred": {"tools": LATE},
    # /prompt-caching, "What cannot be cached"
    "marked empty text": {"messages": _question({**_text(""), **MARKER})},
    # /prompt-caching, "Explicit cache breakpoints": at most four
    "five breakpoints": {"tools": [{**_tool(name), **MARKER} for name in "abcd"]},
    # langchain-ai/langchain#34542
    "marked result of code": {
        "tools": [{"type": "code_execution_20250825", "name": "code_execution"}, *TOOLS],
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": CALLED},
            {"role": "user", "content": [{**ANSWERED, **MARKER}]},
        ],
    },
    # open-webui/open-webui#17922
    "two ways to sample": {"model": "claude-haiku-4-5", "temperature": 0.5, "top_p": 0.9},
    # makenotion/notion-mcp-server#341
    "anyOf at the top": {"tools": [_tool("a") | {"input_schema": {**SCHEMA, "anyOf": [SCHEMA]}}]},
    # anthropics/claude-code#63673
    "no such type": {
        "tools": [_tool("a") | {"input_schema": {**SCHEMA, "properties": {"x": {"type": "any"}}}}]
    },
    # anthropics/claude-code#61412
    "role system": {"model": "claude-haiku-4-5", "messages": _said_by_system("Be short.")},
    # documented: tool results come first
    "text before a result": {
        "messages": [
            *_result([])[:2],
            {"role": "user", "content": [_text("hi"), ANSWERED]},
        ]
    },
    # OpenHands/OpenHands#11090
    "too many tokens": {"max_tokens": 10_000_000},
    # documented: thinking goes with tool_choice auto or none alone
    "thinking and a forced tool": {
        "model": "claude-haiku-4-5",
        "max_tokens": 3000,
        "tool_choice": {"type": "any"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    # /prompt-caching, "Mixing different TTLs"
    "an hour after five minutes": {
        "tools": [{**TOOLS[0], "cache_control": {"type": "ephemeral"}}, TOOLS[1]]
    },
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_the_provider_refuses(change: Json, provider: Any) -> None:
    """`check` says so, whatever else there is to say, and the simulator answers 400."""
    request = _agent(**change)
    prefix = make_prefix("x", AGENTS["usual"], headers=VERSION)
    rules = {finding.rule.id for finding in judge(prefix, request, VERSION).findings}
    assert rules & {"refused-shape", "too-many-breakpoints", "ttl-order"}
    assert provider.refuses(request, VERSION)
