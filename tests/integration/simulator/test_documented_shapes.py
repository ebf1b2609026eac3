"""Shapes that the provider documents: they are taken, and tools and system are read as before.

Pages are those of https://platform.claude.com/docs/en; SDK is the Python package's types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json

EPHEMERAL = {"type": "ephemeral"}
USER = {"role": "user", "content": "Where is parcel 7?"}
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
TOOLS = [
    {"name": "a", "description": "Finds a parcel.", "input_schema": SCHEMA},
    {"name": "b", "description": "Sends.", "input_schema": SCHEMA, "defer_loading": True},
    {"type": "code_execution_20260120", "name": "code_execution"},
    {"type": "computer_toolset_20260801"},
]
JIRA = {"type": "url", "name": "jira", "url": "https://jira.example/mcp"}
WEB = {"type": "web_search_result", "title": "t", "url": "https://x/y", "encrypted_content": "c"}
OUTPUT = {"type": "code_execution_result", "content": [], "return_code": 0}
OUTPUT |= {"stdout": "1", "stderr": ""}
FALLBACK = {"type": "fallback", "from": {"model": "claude-opus-5"}, "to": {"model": "x"}}
LISTED = {"name": "search", "description": "Searches.", "input_schema": SCHEMA}


def block(text: str = "hi", **fields: Any) -> Json:
    return {"type": "text", "text": text, **fields}


def base(**fields: Any) -> Json:
    """A request with a marker on the last of tools and system."""
    system = [block("You are a careful parcel clerk. " * 100, cache_control=EPHEMERAL)]
    request = {"model": "claude-opus-5", "max_tokens": 50, "tools": TOOLS, "system": system}
    return {**request, "messages": [USER], **fields}


def system_message(*content: Json, **fields: Any) -> Json:
    """A message of the system."""
    return {"role": "system", "content": list(content), **fields}


def assistant(*content: Json) -> Json:
    return {"role": "assistant", "content": list(content)}


def user(*content: Json) -> Json:
    return {"role": "user", "content": list(content)}


def use(use_id: str = "t", name: str = "a", **fields: Any) -> Json:
    return {"type": "tool_use", "id": use_id, "name": name, "input": {"q": "1"}, **fields}


def result(name: str = "t", **fields: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": name, "content": "ok", **fields}


def server(name: str, content: Any, kind: str | None = None, **fields: Any) -> list[Json]:
    """A use of a server's tool, and its result."""
    made = {"type": "server_tool_use", "id": "s", "name": name, "input": {}, **fields}
    answer = {"type": kind or f"{name}_tool_result", "tool_use_id": "s", "content": content}
    return [made, answer]


SYSTEM_MESSAGES = "build-with-claude/mid-conversation-system-messages"
TAKEN: list[tuple[str, list[Json], str]] = [
    (
        "a system message that is cleared",
        [USER, {"role": "system", "clear_at": "next_user_message", "content": "Read both files."}],
        "SDK: BetaSystemMessageParam",
    ),
    (
        "a system message that was cleared",
        [USER, system_message(block(), clear_at="next_user_message"), assistant(block()), USER],
        "SDK: BetaSystemMessageParam",
    ),
    (
        "a system message of effort alone",
        [USER, system_message(output_config={"effort": "low"})],
        "SDK: BetaSystemMessageParam",
    ),
    (
        "a system message of effort without content",
        [USER, {"role": "system", "output_config": {"effort": "low"}}],
        "SDK: BetaSystemMessageParam",
    ),
    (
        "two system messages in a row",
        [
            USER,
            system_message(block()),
            system_message(block("And again.")),
            assistant(block()),
            USER,
        ],
        SYSTEM_MESSAGES,
    ),
    (
        "a system message with a marker",
        [USER, system_message(block(cache_control=EPHEMERAL))],
        SYSTEM_MESSAGES,
    ),
    (
        "a system message after a tool's result",
        [USER, assistant(use()), user(result()), system_message(block())],
        f"{SYSTEM_MESSAGES}#placement-after-tool-results",
    ),
    (
        "a system message after a server tool's result",
        [
            USER,
            assistant(*server("code_execution", OUTPUT)),
            system_message(block()),
            assistant(block()),
            USER,
        ],
        f"{SYSTEM_MESSAGES}#limitations",
    ),
    (
        "a tool that is added",
        [
            USER,
            system_message(
                {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "b"}}
            ),
        ],
        f"{SYSTEM_MESSAGES}#mid-conversation-tool-changes",
    ),
    (
        "a tool that is removed, with a text",
        [
            USER,
            system_message(
                block(), {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "a"}}
            ),
        ],
        f"{SYSTEM_MESSAGES}#mid-conversation-tool-changes",
    ),
    (
        "a tool that is defined in the conversation",
        [
            USER,
            system_message(
                {
                    "type": "tool_addition",
                    "tool": {
                        "type": "tool_definition",
                        "definition": {"name": "c", "input_schema": SCHEMA},
                    },
                }
            ),
        ],
        "SDK: BetaRequestToolAdditionBlockParam",
    ),
    (
        "an MCP server's tools that are removed",
        [
            USER,
            system_message(
                {
                    "type": "tool_removal",
                    "tool": {"type": "mcp_toolset_reference", "server_name": "jira"},
                }
            ),
        ],
        f"{SYSTEM_MESSAGES}#mid-conversation-tool-changes",
    ),
    (
        "a fallback that is sent back",
        [USER, assistant(block(), FALLBACK, block("Rest.")), USER],
        "SDK: BetaFallbackBlockParam",
    ),
    (
        "an MCP listing that is sent back",
        [
            USER,
            assistant(
                {"type": "mcp_tool_listing", "mcp_server_name": "jira", "tools": [LISTED]}, block()
            ),
            USER,
        ],
        "SDK: BetaMCPToolListingBlockParam",
    ),
    (
        "an MCP server's tool and its result",
        [
            USER,
            assistant(
                {
                    "type": "mcp_tool_use",
                    "id": "m",
                    "name": "search",
                    "server_name": "jira",
                    "input": {},
                },
                {"type": "mcp_tool_result", "tool_use_id": "m", "content": [block()]},
            ),
            USER,
        ],
        "agents-and-tools/mcp-connector",
    ),
    (
        "a compaction in place of what it sums up",
        [assistant({"type": "compaction", "content": "They talked about parcel 7."}), USER],
        "build-with-claude/compaction",
    ),
    (
        "a turn that was paused",
        [USER, assistant(server("code_execution", OUTPUT)[0])],
        "build-with-claude/handling-stop-reasons#pause-turn",
    ),
    (
        "a web search",
        [USER, assistant(*server("web_search", [WEB]), block()), USER],
        "agents-and-tools/tool-use/web-search-tool",
    ),
    (
        "a web search that failed",
        [
            USER,
            assistant(
                *server(
                    "web_search",
                    {"type": "web_search_tool_result_error", "error_code": "unavailable"},
                )
            ),
            USER,
        ],
        "agents-and-tools/tool-use/web-search-tool",
    ),
    (
        "a tool that was searched",
        [
            USER,
            assistant(
                *server(
                    "tool_search_tool_regex",
                    {
                        "type": "tool_search_tool_search_result",
                        "tool_references": [{"type": "tool_reference", "tool_name": "b"}],
                    },
                    "tool_search_tool_result",
                ),
                use(name="b"),
            ),
            user(result()),
        ],
        "agents-and-tools/tool-use/tool-search-tool#response-format",
    ),
    (
        "a search of one's own",
        [
            USER,
            assistant(use()),
            user(result(content=[{"type": "tool_reference", "tool_name": "b"}])),
        ],
        "agents-and-tools/tool-use/tool-search-tool#custom-tool-search-implementation",
    ),
    (
        "results in two messages of one turn",
        [USER, assistant(use(), use("u")), user(result()), user(result("u"), block())],
        "api/messages: consecutive turns of one role are combined",
    ),
    (
        "calls of a toolset with a marker on each",
        [
            USER,
            assistant(
                use(name="screenshot", toolset_name="computer"),
                use("u", "key", toolset_name="computer"),
            ),
            user(
                result(toolset_name="computer", cache_control=EPHEMERAL),
                result("u", toolset_name="computer", cache_control=EPHEMERAL),
            ),
        ],
        "agents-and-tools/tool-use/tool-use-with-prompt-caching#cache-control-on-tool-definitions",
    ),
    (
        "a programmatic call",
        [
            USER,
            assistant(
                *server("code_execution", OUTPUT)[:1],
                use(caller={"type": "code_execution_20260120", "tool_id": "s"}),
            ),
            user(result()),
        ],
        "agents-and-tools/tool-use/programmatic-tool-calling",
    ),
    (
        "thinking that is sent back",
        [
            USER,
            assistant(
                {"type": "thinking", "thinking": "", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                block(),
            ),
            USER,
        ],
        "build-with-claude/thinking",
    ),
    (
        "documents of every source",
        [
            user(
                {"type": "document", "source": {"type": "file", "file_id": "f"}, "title": None},
                {
                    "type": "document",
                    "source": {"type": "content", "content": [block()]},
                    "citations": {"enabled": False},
                },
                {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
                {"type": "container_upload", "file_id": "f"},
                {"type": "search_result", "source": "s", "title": "t", "content": [block()]},
            )
        ],
        "build-with-claude/pdf-support",
    ),
]


@pytest.mark.parametrize("messages", [t[1] for t in TAKEN], ids=[t[0] for t in TAKEN])
def test_messages_that_keep_a_cache_alive(api: Api, messages: list[Json]) -> None:
    prefix = api.counts(base())[1]
    assert prefix > 500
    request = base(messages=messages, mcp_servers=None)
    assert api.counts(request)[0] == prefix


def test_every_row_names_its_source() -> None:
    assert all("/" in source or source.startswith("SDK: ") for *_, source in TAKEN)


# Fields of the request that change nothing of tools and system.
KEPT: list[Json] = [
    {"metadata": {"user_id": "u"}},
    {"container": "container_1"},
    {"container": {"id": "container_1"}},
    {"thread": {"type": "create"}},
    {"fallbacks": "default"},
    {"fallbacks": [{"model": "claude-opus-4-8", "max_tokens": 5}]},
    {"fallback_credit_token": "t"},
    {"fallback_credit_token": {"token": "t", "mode": "strict"}},
    {"billing_policy": {"type": "billing_policy", "bill_to": "self"}},
    {"compaction": {"type": "summarize", "instructions": "Be short."}},
    {"diagnostics": {"previous_message_id": "msg_1"}},
    {"tool_choice": {"type": "none"}},
    {"stop_sequences": ["END"]},
    {"service_tier": "auto"},
]


@pytest.mark.parametrize("change", KEPT, ids=str)
def test_fields_that_keep_tools_and_system(api: Api, change: Json) -> None:
    prefix = api.counts(base())[1]
    assert api.counts(base(**change))[0] == prefix


def test_a_cleared_message_is_no_part_of_the_prompt(api: Api) -> None:
    """While it is shown it is in the key, and what stands behind it is another prefix later."""
    shown = system_message(block("Read both files. " * 50), clear_at="next_user_message")
    marked = user(block("Go on.", cache_control=EPHEMERAL))
    first = api.counts(base(messages=[USER, shown]))
    later = api.counts(base(messages=[USER, shown, assistant(block()), marked]))
    without = api.counts(base(messages=[USER, assistant(block()), marked]))
    assert sum(without) == sum(later) < sum(first)
    assert without[0] == sum(later)


def test_effort_of_one_message_is_in_the_key_from_there_on(api: Api) -> None:
    def request(effort: str) -> Json:
        change = system_message(output_config={"effort": effort})
        ends = user(block("Go on. " * 10, cache_control=EPHEMERAL))
        return base(messages=[USER, change, assistant(block()), ends])

    prefix = api.counts(base())[1]
    assert api.counts(request("low"))[0] == prefix
    assert api.counts(request("low"))[1] == 0
    assert api.counts(request("high"))[0] == prefix


def test_a_deferred_tool_is_in_the_key_where_it_is_loaded(api: Api) -> None:
    """Its definition stands behind the reference, and counts there."""

    def request(description: str) -> Json:
        tools = [*TOOLS[:1], {**TOOLS[1], "description": description}, *TOOLS[2:]]
        reference = {"type": "tool_reference", "tool_name": "b"}
        turns = [USER, assistant(use()), user(result(content=[reference], cache_control=EPHEMERAL))]
        return base(tools=tools, messages=turns)

    prefix = api.counts(base())[1]
    read, written, _ = api.counts(request("Sends a parcel. " * 100))
    assert (read, written > 400) == (prefix, True)
    assert api.counts(request("Sends a parcel. " * 100))[1] == 0
    assert api.counts(request("Fetches a parcel. " * 100))[0] == prefix


def test_markers_in_one_batch_of_a_toolset_are_one(api: Api) -> None:
    """Wherever in the batch they stand, and each counts towards four."""

    def request(*marked: int) -> Json:
        uses = [use(f"t{i}", "key", toolset_name="computer") for i in range(5)]
        results = [result(f"t{i}", toolset_name="computer") for i in range(5)]
        for index in marked:
            results[index]["cache_control"] = EPHEMERAL
        return base(system=[block("x" * 4000)], messages=[USER, assistant(*uses), user(*results)])

    total = sum(api.counts(request(0)))
    assert api.counts(request(0)) == (total, 0, 0)
    assert api.counts(request(2, 4)) == (total, 0, 0)
    assert [entry["tokens"] for entry in api.sim.entries()] == [total]
    assert "maximum of 4" in api.refused(request(0, 1, 2, 3, 4))
