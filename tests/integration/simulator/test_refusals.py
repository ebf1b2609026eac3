"""Bodies that the provider refuses: each row is a rule of its documentation, or a public report.

Pages are those of https://platform.claude.com/docs/en; owner/name#number is an issue on GitHub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeApi

EPHEMERAL = {"type": "ephemeral"}
USER = {"role": "user", "content": "Where is parcel 7?"}
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
SEARCH = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
CODE = {"type": "code_execution_20260120", "name": "code_execution"}
BY_CODE = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}


def tool(name: str = "a", **fields: Any) -> Json:
    return {"name": name, "description": "Does a thing.", "input_schema": SCHEMA, **fields}


def schema(**fields: Any) -> Json:
    return tool(input_schema={"type": "object", **fields})


def block(text: str = "hi", **fields: Any) -> Json:
    return {"type": "text", "text": text, **fields}


def use(name: str = "t", **fields: Any) -> Json:
    return {"type": "tool_use", "id": name, "name": "a", "input": {"q": "1"}, **fields}


def result(name: str = "t", **fields: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": name, "content": "ok", **fields}


def turns(*uses: Json, then: list[Json]) -> list[Json]:
    return [USER, {"role": "assistant", "content": list(uses)}, {"role": "user", "content": then}]


def form(**fields: Any) -> Json:
    return {"output_config": {"format": {"type": "json_schema", "schema": {**CLOSED, **fields}}}}


def body(model: str = "claude-sonnet-5", **fields: Any) -> Json:
    return {"model": model, "max_tokens": 4000, "messages": [USER], **fields}


TOOLSET = {"type": "computer_toolset_20260801"}
JIRA = {"type": "url", "name": "jira", "url": "https://jira.example/mcp"}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ANY = {"tool_choice": {"type": "any"}}

# (what, body, part of the message, source)
REFUSED: list[tuple[str, Json, str, str]] = [
    (
        "temperature and top_p",
        body("claude-haiku-4-5", temperature=0.5, top_p=0.9),
        "cannot both be specified for this model",
        "open-webui/open-webui#17922",
    ),
    ("temperature", body(temperature=0.5), "temperature", "build-with-claude/thinking"),
    ("top_p", body(top_p=0.9), "top_p", "build-with-claude/working-with-messages"),
    ("top_k", body(top_k=5), "top_k", "build-with-claude/working-with-messages"),
    (
        "temperature with thinking",
        body("claude-haiku-4-5", temperature=0.5, **THINKING),
        "temperature",
        "build-with-claude/thinking",
    ),
    (
        "top_k with thinking",
        body("claude-sonnet-4-6", top_k=5, thinking={"type": "adaptive"}),
        "top_k",
        "build-with-claude/thinking",
    ),
    (
        "a small top_p with thinking",
        body("claude-haiku-4-5", top_p=0.5, **THINKING),
        "top_p",
        "build-with-claude/thinking",
    ),
    (
        "a schema with anyOf at the top",
        body(tools=[schema(anyOf=[{"required": ["a"]}, {"required": ["b"]}])]),
        "does not support oneOf, allOf, or anyOf at the top level",
        "makenotion/notion-mcp-server#341",
    ),
    (
        "a schema with oneOf at the top",
        body(tools=[schema(oneOf=[{}])]),
        "at the top level",
        "makenotion/notion-mcp-server#341",
    ),
    (
        "a type that is none",
        body(tools=[schema(properties={"x": {"type": "any"}})]),
        "draft 2020-12",
        "anthropics/claude-code#63673",
    ),
    (
        "required of draft 3",
        body(tools=[schema(properties={"x": {"type": "string", "required": True}})]),
        "draft 2020-12",
        "anthropics/claude-code#63673",
    ),
    (
        "exclusiveMinimum of draft 4",
        body(tools=[schema(properties={"x": {"type": "integer", "exclusiveMinimum": True}})]),
        "draft 2020-12",
        "anthropics/claude-code#63673",
    ),
    (
        "items of draft 7",
        body(tools=[schema(properties={"x": {"type": "array", "items": [{}]}})]),
        "draft 2020-12",
        "anthropics/claude-code#63673",
    ),
    (
        "a schema that is no object's",
        body(tools=[tool(input_schema={"type": "string"})]),
        "input_schema.type",
        "agents-and-tools/tool-use/define-tools",
    ),
    (
        "max_tokens over the model's",
        body(max_tokens=10_000_000),
        "max_tokens: 10000000 > 128000",
        "OpenHands/OpenHands#11090",
    ),
    (
        "max_tokens over an older model's",
        body("claude-haiku-4-5", max_tokens=64_001),
        "max_tokens: 64001 > 64000",
        "about-claude/models/overview",
    ),
    (
        "a system message on Haiku 4.5",
        body("claude-haiku-4-5", messages=[USER, {"role": "system", "content": "be short"}]),
        "role 'system' is not supported on this model",
        "anthropics/claude-agent-sdk-typescript#350",
    ),
    (
        "a system message on Sonnet 5",
        body("claude-sonnet-5", messages=[USER, {"role": "system", "content": "be short"}]),
        "role 'system' is not supported on this model",
        "build-with-claude/mid-conversation-system-messages",
    ),
    (
        "a system message first",
        body("claude-opus-5", messages=[{"role": "system", "content": "be short"}, USER]),
        "first message",
        "build-with-claude/mid-conversation-system-messages#limitations",
    ),
    (
        "a system message after the assistant",
        body(
            "claude-opus-5",
            messages=[
                USER,
                {"role": "assistant", "content": "Here."},
                {"role": "system", "content": "be short"},
            ],
        ),
        "must follow a user message",
        "build-with-claude/mid-conversation-system-messages#limitations",
    ),
    (
        "a system message before the user",
        body("claude-opus-5", messages=[USER, {"role": "system", "content": "be short"}, USER]),
        "be followed by an assistant message",
        "build-with-claude/mid-conversation-system-messages#limitations",
    ),
    (
        "a system message that says nothing",
        body("claude-opus-5", messages=[USER, {"role": "system", "content": []}]),
        "at least one content block",
        "api/beta/messages",
    ),
    (
        "clear_at on a message of the user",
        body("claude-opus-5", messages=[{**USER, "clear_at": "never"}]),
        "clear_at: Extra inputs are not permitted",
        "api/beta/messages",
    ),
    (
        "a change of a tool that is not declared",
        body(
            "claude-opus-5",
            tools=[tool()],
            messages=[
                USER,
                {
                    "role": "system",
                    "content": [
                        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "b"}}
                    ],
                },
            ],
        ),
        "Tool reference 'b' not found",
        "build-with-claude/mid-conversation-system-messages#mid-conversation-tool-changes",
    ),
    (
        "a marker on a cleared system message",
        body(
            "claude-opus-5",
            messages=[
                USER,
                {
                    "role": "system",
                    "clear_at": "next_user_message",
                    "content": [block(cache_control=EPHEMERAL)],
                },
                {"role": "assistant", "content": "Here."},
                USER,
            ],
        ),
        "cleared system message",
        "build-with-claude/prompt-caching#what-cannot-be-cached",
    ),
    (
        "a marker on the result of a programmatic call",
        body(
            tools=[CODE, tool(allowed_callers=["code_execution_20260120"])],
            messages=turns(use(caller=BY_CODE), then=[result(cache_control=EPHEMERAL)]),
        ),
        "programmatic",
        "langchain-ai/langchain#34542",
    ),
    (
        "text beside the result of a programmatic call",
        body(tools=[CODE, tool()], messages=turns(use(caller=BY_CODE), then=[result(), block()])),
        "programmatic",
        "agents-and-tools/tool-use/programmatic-tool-calling#message-formatting-restrictions",
    ),
    (
        "an image as the result of a programmatic call",
        body(
            tools=[CODE, tool()],
            messages=turns(
                use(caller=BY_CODE),
                then=[
                    result(
                        content=[{"type": "image", "source": {"type": "url", "url": "https://x/y"}}]
                    )
                ],
            ),
        ),
        "programmatic",
        "agents-and-tools/tool-use/programmatic-tool-calling#message-formatting-restrictions",
    ),
    (
        "text before a tool's result",
        body(tools=[tool()], messages=turns(use(), then=[block(), result()])),
        "`tool_use` ids were found without `tool_result` blocks immediately after",
        "agents-and-tools/tool-use/handle-tool-calls",
    ),
    (
        "a tool's result is missing",
        body(tools=[tool()], messages=turns(use(), use("u"), then=[result()])),
        "immediately after: u",
        "agents-and-tools/tool-use/handle-tool-calls",
    ),
    (
        "two results of one call",
        body(tools=[tool()], messages=turns(use(), then=[result(), result()])),
        "single result",
        "agents-and-tools/tool-use/handle-tool-calls",
    ),
    (
        "a result of a server's tool",
        body(
            tools=[CODE],
            messages=turns(
                {"type": "server_tool_use", "id": "s", "name": "code_execution", "input": {}},
                then=[result("s")],
            ),
        ),
        "unexpected `tool_use_id`",
        "agents-and-tools/tool-use/tool-search-tool#continuing-the-conversation",
    ),
    (
        "thinking with a forced tool",
        body("claude-haiku-4-5", tools=[tool()], **ANY, **THINKING),
        "Thinking may not be enabled when tool_choice forces tool use",
        "build-with-claude/thinking#thinking-with-tool-use",
    ),
    (
        "a forced tool on Fable 5.1",
        body("claude-fable-5-1", tools=[tool()], **ANY),
        "tool_choice",
        "build-with-claude/thinking",
    ),
    (
        "a forced tool on Mythos Preview",
        body("claude-mythos-preview", tools=[tool()], **ANY),
        "tool_choice",
        "agents-and-tools/tool-use/define-tools",
    ),
    (
        "a forced tool that only code may call",
        body(
            tools=[CODE, tool(allowed_callers=["code_execution_20260120"])],
            tool_choice={"type": "tool", "name": "a"},
        ),
        "cannot be called directly",
        "agents-and-tools/tool-use/programmatic-tool-calling",
    ),
    (
        "a forced tool that is not there",
        body(tools=[tool()], tool_choice={"type": "tool", "name": "b"}),
        "Tool 'b' not found",
        "agents-and-tools/tool-use/define-tools",
    ),
    (
        "a strict tool for code",
        body(
            tools=[
                CODE,
                tool(input_schema=CLOSED, strict=True, allowed_callers=["code_execution_20260120"]),
            ]
        ),
        "strict",
        "agents-and-tools/tool-use/programmatic-tool-calling#feature-incompatibilities",
    ),
    (
        "no parallel tools with a tool for code",
        body(
            tools=[CODE, tool(allowed_callers=["code_execution_20260120"])],
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        ),
        "disable_parallel_tool_use",
        "agents-and-tools/tool-use/programmatic-tool-calling#feature-incompatibilities",
    ),
    (
        "a recursive tool for code",
        body(
            tools=[
                CODE,
                tool(
                    input_schema={"type": "object", "properties": {"next": {"$ref": "#"}}},
                    allowed_callers=["code_execution_20260120"],
                ),
            ]
        ),
        "Circular $ref detected",
        "agents-and-tools/tool-use/programmatic-tool-calling#input-schema-limitations",
    ),
    (
        "all tools deferred",
        body(tools=[tool(defer_loading=True), tool("b", defer_loading=True)]),
        "At least one tool must have defer_loading=false",
        "agents-and-tools/tool-use/tool-search-tool#http-errors-400-status",
    ),
    (
        "all tools deferred by their set",
        body(
            mcp_servers=[JIRA],
            tools=[
                {
                    "type": "mcp_toolset",
                    "mcp_server_name": "jira",
                    "default_config": {"defer_loading": True},
                }
            ],
        ),
        "At least one tool must have defer_loading=false",
        "agents-and-tools/mcp-connector",
    ),
    (
        "a marker on a deferred tool",
        body(tools=[SEARCH, tool(defer_loading=True, cache_control=EPHEMERAL)]),
        "tools.1.cache_control",
        "agents-and-tools/tool-use/tool-search-tool#prompt-caching",
    ),
    (
        "a reference to an unknown tool",
        body(
            tools=[SEARCH, tool()],
            messages=turns(
                use(), then=[result(content=[{"type": "tool_reference", "tool_name": "b"}])]
            ),
        ),
        "Tool reference 'b' not found in available tools",
        "agents-and-tools/tool-use/tool-search-tool#http-errors-400-status",
    ),
    (
        "defer_loading on a toolset",
        body(tools=[SEARCH, {**TOOLSET, "defer_loading": True}]),
        "defer_loading",
        "agents-and-tools/tool-use/tool-reference#client-toolsets",
    ),
    (
        "members of a toolset that differ",
        body(tools=[SEARCH, {**TOOLSET, "configs": {"zoom": {"defer_loading": True}}}]),
        "must be the same for every enabled member",
        "agents-and-tools/tool-use/tool-reference#client-toolsets",
    ),
    (
        "an unknown member of a toolset",
        body(tools=[{**TOOLSET, "configs": {"dance": {}}}]),
        "dance",
        "agents-and-tools/tool-use/tool-reference#client-toolsets",
    ),
    (
        "a toolset for code",
        body(tools=[CODE, {**TOOLSET, "allowed_callers": ["code_execution_20260120"]}]),
        "allowed_callers",
        "agents-and-tools/tool-use/tool-reference#client-toolsets",
    ),
    (
        "a tool named as a toolset",
        body(tools=[TOOLSET, tool("computer")]),
        "unique",
        "agents-and-tools/tool-use/tool-reference#client-toolsets",
    ),
    (
        "a set of a server that is not there",
        body(tools=[{"type": "mcp_toolset", "mcp_server_name": "jira"}]),
        "'jira' is not in mcp_servers",
        "agents-and-tools/mcp-connector#validation-rules",
    ),
    (
        "a server without a set",
        body(
            mcp_servers=[JIRA, {**JIRA, "name": "wiki"}],
            tools=[{"type": "mcp_toolset", "mcp_server_name": "jira"}],
        ),
        "'wiki' must be referenced by exactly one mcp_toolset",
        "agents-and-tools/mcp-connector#validation-rules",
    ),
    (
        "a tool of no type",
        body(tools=[{"type": "crystal_ball_20260101", "name": "ball"}]),
        "tools.0.type",
        "api/messages",
    ),
    (
        "a field of a tool that is none",
        body(tools=[tool(inputSchema={})]),
        "tools.0.inputSchema: Extra inputs are not permitted",
        "api/messages",
    ),
    (
        "thinking off on Opus 5.5",
        body("claude-opus-5-5", thinking={"type": "disabled"}),
        "thinking.type.disabled",
        "models/opus-5-5/whats-new-opus-5-5",
    ),
    (
        "thinking off on Sonnet 5.5",
        body("claude-sonnet-5-5", thinking={"type": "disabled"}),
        "thinking.type.disabled",
        "models/sonnet-5-5/whats-new-sonnet-5-5",
    ),
    (
        "thinking off with much effort",
        body("claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "xhigh"}),
        "xhigh",
        "build-with-claude/effort",
    ),
    (
        "a budget on Opus 4.7",
        body("claude-opus-4-7", **THINKING),
        "thinking.type.enabled",
        "api/errors#extended-thinking-not-supported",
    ),
    (
        "adaptive thinking on Haiku 4.5",
        body("claude-haiku-4-5", thinking={"type": "adaptive"}),
        "adaptive thinking is not supported",
        "api/errors#adaptive-thinking-not-supported",
    ),
    (
        "effort on Haiku 4.5",
        body("claude-haiku-4-5", output_config={"effort": "low"}),
        "does not support the effort parameter",
        "build-with-claude/effort",
    ),
    (
        "xhigh on Opus 4.6",
        body("claude-opus-4-6", output_config={"effort": "xhigh"}),
        "xhigh",
        "build-with-claude/effort",
    ),
    (
        "max on Opus 4.5",
        body("claude-opus-4-5", output_config={"effort": "max"}),
        "max",
        "build-with-claude/effort",
    ),
    (
        "a small task budget",
        body("claude-opus-5", output_config={"task_budget": {"type": "tokens", "total": 19_999}}),
        "task_budget.total",
        "build-with-claude/task-budgets",
    ),
    (
        "a task budget on Sonnet 5",
        body(output_config={"task_budget": {"type": "tokens", "total": 20_000}}),
        "task_budget",
        "build-with-claude/task-budgets#feature-support",
    ),
    (
        "a structured output with citations",
        body(
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                            "citations": {"enabled": True},
                        }
                    ],
                }
            ],
            **form(),
        ),
        "citations",
        "build-with-claude/structured-outputs#feature-compatibility",
    ),
    (
        "a structured output with a prefill",
        body("claude-haiku-4-5", messages=[USER, {"role": "assistant", "content": "{"}], **form()),
        "prefill",
        "build-with-claude/structured-outputs#feature-compatibility",
    ),
    *(
        (
            f"a structured output with {what}",
            body(**form(properties={"q": field})),
            word,
            "build-with-claude/structured-outputs#json-schema-limitations",
        )
        for what, field, word in (
            ("an open object", {"type": "object"}, "additionalProperties"),
            ("a minimum", {"type": "integer", "minimum": 1}, "minimum"),
            ("a length", {"type": "string", "maxLength": 5}, "maxLength"),
            ("many items", {"type": "array", "items": {}, "minItems": 2}, "minItems"),
            ("a limit of items", {"type": "array", "items": {}, "maxItems": 2}, "maxItems"),
            ("oneOf", {"oneOf": [{"type": "string"}]}, "oneOf"),
            ("itself", {"$ref": "#"}, "recursive"),
            ("a schema elsewhere", {"$ref": "https://example.com/s"}, "external"),
            ("an enum of objects", {"enum": [{"a": 1}]}, "enum"),
        )
    ),
    (
        "a strict tool with an open object",
        body(tools=[tool(strict=True)]),
        "additionalProperties",
        "build-with-claude/structured-outputs#json-schema-limitations",
    ),
    (
        "21 strict tools",
        body(tools=[tool(f"t{i}", input_schema=CLOSED, strict=True) for i in range(21)]),
        "at most 20",
        "build-with-claude/structured-outputs#explicit-limits",
    ),
    (
        "25 optional parameters",
        body(
            tools=[
                tool(
                    strict=True,
                    input_schema={
                        "type": "object",
                        "properties": {f"p{i}": {"type": "string"} for i in range(25)},
                        "additionalProperties": False,
                    },
                )
            ]
        ),
        "too many optional parameters",
        "build-with-claude/structured-outputs#explicit-limits",
    ),
    (
        "a prefill that ends with a space",
        body("claude-haiku-4-5", messages=[USER, {"role": "assistant", "content": "Well, "}]),
        "trailing whitespace",
        "api/messages",
    ),
    (
        "a prefill with thinking",
        body(
            "claude-haiku-4-5", messages=[USER, {"role": "assistant", "content": "A"}], **THINKING
        ),
        "thinking",
        "build-with-claude/thinking",
    ),
    (
        "an image of the assistant",
        body(
            messages=[
                USER,
                {
                    "role": "assistant",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y"}}],
                },
                USER,
            ]
        ),
        "`image` blocks are not allowed in `assistant` messages",
        "api/messages",
    ),
    (
        "an image of no kind",
        body(
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/tiff", "data": "A"},
                        }
                    ],
                }
            ]
        ),
        "media_type",
        "build-with-claude/vision",
    ),
    ("an empty stop sequence", body(stop_sequences=["\n"]), "stop_sequences", "api/messages"),
    ("a user of two names", body(metadata={"email": "a@b"}), "metadata.email", "api/messages"),
]


@pytest.mark.parametrize(
    ("request_", "words"), [(r[1], r[2]) for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_the_provider_refuses(api: Api, request_: Json, words: str) -> None:
    assert words in api.refused(request_)
    assert api.sim.entries() == []


def test_every_row_names_its_source() -> None:
    assert all("/" in source for *_, source in REFUSED)


def test_a_set_that_differs_in_one_row_is_taken(api: Api) -> None:
    """The same requests without what is refused."""
    for taken in (
        body(temperature=1),
        body("claude-haiku-4-5", temperature=0.5),
        body(tools=[schema(properties={"x": {"anyOf": [{"type": "string"}]}})]),
        body(max_tokens=128_000),
        body(tools=[SEARCH, tool(defer_loading=True), tool("b", cache_control=EPHEMERAL)]),
        body(tools=[tool()], messages=turns(use(), then=[result(), block()])),
        body(
            tools=[CODE, tool()],
            messages=turns(use(caller=BY_CODE), then=[result(content=[block()])]),
        ),
        body("claude-haiku-4-5", tools=[tool()], **ANY),
        body("claude-opus-5", tools=[tool()], thinking={"type": "adaptive"}, **ANY),
        body("claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "high"}),
        body("claude-sonnet-5-5", thinking={"type": "between_tools"}),
        body("claude-opus-5", output_config={"task_budget": {"type": "tokens", "total": 20_000}}),
        body(**form()),
        body(tools=[SEARCH, {**TOOLSET, "configs": {"zoom": {"enabled": False}}}]),
        body(
            mcp_servers=[JIRA],
            tools=[{"type": "mcp_toolset", "mcp_server_name": "jira", "cache_control": EPHEMERAL}],
        ),
        body("claude-haiku-4-5", messages=[USER, {"role": "assistant", "content": "Well,"}]),
    ):
        reply = api.send(taken)
        assert reply.status_code == 200, reply.text


def test_a_long_batch_reply_needs_its_beta(api: Api) -> None:
    params = body(max_tokens=300_000)
    batch = {"requests": [{"custom_id": "a", "params": params}]}
    assert "max_tokens" in api.send(batch, "/v1/messages/batches").json()["error"]["message"]
    beta = {"anthropic_beta": "output-300k-2026-03-24"}
    assert api.send(batch, "/v1/messages/batches", **beta).status_code == 200
    assert api.send(params, **beta).status_code == 400


def test_a_converse_request_over_the_limit_is_refused_in_the_words_of_aws(api: Api) -> None:
    message = {"role": "user", "content": [{"text": "x"}]}
    request = {"messages": [message], "inferenceConfig": {"maxTokens": 10_000_000}}
    path = "/model/global.anthropic.claude-sonnet-5/converse"
    reply = api.send(request, path)
    assert reply.status_code == 400
    assert reply.json()["message"].startswith("The maximum tokens you requested exceeds the model")
    del request["inferenceConfig"]
    assert api.send(request, path).status_code == 200
    older = "/model/us.anthropic.claude-3-5-haiku-20241022-v1:0/converse"
    assert api.send(request, older).status_code == 200


def test_a_marker_inside_a_tool_result(make_api: MakeApi) -> None:
    """Unsettled: types and two frameworks set one, a report says it is refused."""
    inner = result(content=[block("ok", cache_control=EPHEMERAL)])
    system = "You are a careful parcel clerk. " * 200
    request = body(system=system, tools=[tool()], messages=turns(use(), then=[inner]))
    api = make_api()
    assert api.counts(request)[1] > 1000
    read, written, uncached = api.counts(request)
    assert (read > 1000, written, uncached) == (True, 0, 0)
    outer = result(content=[block("ok")], cache_control=EPHEMERAL)
    assert api.counts({**request, "messages": turns(use(), then=[outer])})[0] == read
    strict = make_api(inner_markers="refused")
    assert "inside a block" in strict.refused(request)
    many = result(content=[block("ok", cache_control=EPHEMERAL)] * 5)
    assert "maximum of 4" in api.refused({**request, "messages": turns(use(), then=[many])})
