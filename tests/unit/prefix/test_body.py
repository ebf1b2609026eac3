"""The two forms of a request body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import PrefixFileError, UnwarmableRequestError
from prefixwarm.prefix.body import as_messages, fold, markers, place_of, unfold, walk
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.fingerprint import fingerprint
from prefixwarm.prefix.prefix_file import build, dumps, loads
from prefixwarm.prefix.warm_request import CONVERSE_PLACEHOLDER
from prefixwarm.state.outcome import Usage
from tests.helpers.derived import derive

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
MODEL = "eu.anthropic.claude-sonnet-5-5"


def tool(name: str) -> dict[str, Any]:
    """A tool as Converse takes it."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}


def agent(**changes: Any) -> dict[str, Any]:
    """A request as an agent sends it."""
    return {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "Where is my parcel?"}]}],
        "system": [{"text": "You help."}, POINT, {"text": "Today is Friday."}],
        "inferenceConfig": {"temperature": 0.5, "maxTokens": 500},
        "toolConfig": {"tools": [tool("a"), tool("b")], "toolChoice": {"auto": {}}},
        **changes,
    }


def test_a_cache_point_is_the_marker_of_the_block_before_it() -> None:
    """As Bedrock hands it on to the model; the index is the block's own."""
    elements = [{"text": "a"}, {"text": "b"}, HOUR, {"text": "c"}, POINT]
    folded = list(fold(elements))
    assert [index for index, _ in folded] == [0, 1, 3]
    assert [block.get("cache_control") for _, block in folded] == [
        None,
        {"type": "ephemeral", "ttl": "1h"},
        {"type": "ephemeral"},
    ]
    assert unfold(block for _, block in folded) == elements


def test_a_point_with_nothing_before_it_marks_nothing() -> None:
    """Bedrock refuses it."""
    assert list(fold([POINT, {"text": "a"}])) == [(1, {"text": "a"})]


def test_places_are_those_of_the_body() -> None:
    """Cache points count, since they stand in the list."""
    request = agent(toolConfig={"tools": [tool("a"), POINT, tool("b")]})
    assert [place for _, place, _, _ in walk(request)] == [
        "toolConfig.tools[0]",
        "toolConfig.tools[2]",
        "system[0]",
        "system[2]",
        "messages[0].content[0]",
    ]
    assert [place for place, _ in markers(request)] == ["toolConfig.tools[0]", "system[0]"]


def test_the_view_names_fields_as_the_messages_api_does() -> None:
    """What shapes the prompt, wherever Converse has it; what does not is left out."""
    more = {"thinking": {"type": "adaptive"}, "anthropic_beta": ["b"], "tools": "no"}
    view = as_messages(
        agent(
            additionalModelRequestFields=more,
            outputConfig={"effort": "low", "textFormat": {"type": "json_schema"}},
            performanceConfig={"latency": "optimized"},
            toolConfig={"tools": [tool("a")], "toolChoice": {"tool": {"name": "a"}}},
        )
    )
    assert {k: v for k, v in view.items() if k not in ("system", "messages", "tools")} == {
        "model": MODEL,
        "thinking": {"type": "adaptive"},
        "anthropic_beta": ["b"],
        "tool_choice": {"type": "tool", "name": "a"},
        "output_config": {"effort": "low", "format": {"type": "json_schema"}},
        "speed": "optimized",
    }
    assert view["tools"] == [tool("a")]
    assert place_of("thinking", agent()) == "additionalModelRequestFields.thinking"
    assert place_of("thinking", {"model": "m"}) == "thinking"


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
FIELDS = ("modelId", "messages", "system", "toolConfig", "outputConfig", "performanceConfig")


@given(st.dictionaries(st.sampled_from((*FIELDS, "additionalModelRequestFields")), JSON))
def test_nothing_that_is_json_breaks_the_view(request: dict[str, Any]) -> None:
    """Whoever looks at it says what is wrong."""
    document = json.loads(dumps(build("x", derive(agent()), route="bedrock-converse")))
    document["request"] = {"modelId": MODEL, "inferenceConfig": {"maxTokens": 1}, **request}
    with pytest.raises(PrefixFileError):
        loads(json.dumps(document))


def test_the_warm_request_is_the_agents_own() -> None:
    """Up to its last cache point; nothing else changes but the limit and the messages."""
    request = agent(requestMetadata={"team": "a"})
    before = json.dumps(request)
    warm = derive(request)
    assert json.dumps(request) == before
    del request["requestMetadata"]
    assert list(warm) == list(request)
    assert warm == {
        **request,
        "messages": [CONVERSE_PLACEHOLDER],
        "system": [{"text": "You help."}, HOUR],
        "inferenceConfig": {"temperature": 0.5, "maxTokens": 1},
    }


def test_without_cache_points_all_is_shared() -> None:
    """System, or tools where there is no system; an empty list is not sent."""
    warm = derive(agent(system=[{"text": "You help."}]), ttl="5m")
    assert warm["system"][-1] == {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert warm["toolConfig"]["tools"] == [tool("a"), tool("b")]
    warm = derive(agent(system=[]))
    assert "system" not in warm
    assert warm["toolConfig"] == {"tools": [tool("a"), tool("b"), HOUR], "toolChoice": {"auto": {}}}
    assert "toolConfig" not in derive({k: v for k, v in agent().items() if k != "toolConfig"})


def test_a_prefix_may_end_in_the_tools() -> None:
    """What comes behind the agent's only cache point is not warmed."""
    config = {"tools": [tool("a"), POINT, tool("b")]}
    warm = derive(agent(toolConfig=config, system=[{"text": "It is noon."}]))
    assert warm["toolConfig"]["tools"] == [tool("a"), HOUR]
    assert "system" not in warm


def test_shared_messages_keep_taking_turns() -> None:
    """Converse refuses two turns of one side: behind a user's turn the placeholder joins it."""
    turns = [
        {"role": "user", "content": [{"text": "a"}]},
        {"role": "assistant", "content": [{"text": "b"}]},
        {"role": "user", "content": [{"text": "c"}]},
    ]
    warm = derive(agent(messages=turns), shared_messages=2)
    assert warm["messages"][1]["content"] == [{"text": "b"}, HOUR]
    assert warm["messages"][2] == CONVERSE_PLACEHOLDER
    warm = derive(agent(messages=turns), shared_messages=1)
    assert warm["messages"] == [
        {"role": "user", "content": [{"text": "a"}, HOUR, {"text": "warm"}]}
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"toolConfig": {"tools": [tool("a")], "toolChoice": {"any": {}}}},
        {"outputConfig": {"textFormat": {"type": "json_schema"}}},
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}},
    ],
)
def test_one_token_lets_output_be_implied(changes: dict[str, Any]) -> None:
    """What max_tokens 0 does not go with, maxTokens 1 does."""
    assert {name: derive(agent(**changes))[name] for name in changes} == changes


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"modelId": ""}, "modelId"),
        ({"modelId": "arn:aws:bedrock:eu-west-1:1:prompt/ABCDEFGHIJ"}, "modelId"),
        ({"promptVariables": {"a": {"text": "b"}}}, "modelId"),
        ({"messages": []}, "messages"),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "enabled"}}},
            "additionalModelRequestFields.thinking",
        ),
        ({"system": [], "toolConfig": {"tools": []}}, "system"),
    ],
)
def test_what_cannot_be_warmed_is_named(changes: dict[str, Any], field: str) -> None:
    """In Converse's own words."""
    with pytest.raises(UnwarmableRequestError) as raised:
        derive(agent(**changes))
    assert raised.value.field == field


@pytest.mark.parametrize(
    "last",
    [
        {"reasoningContent": {"reasoningText": {"text": "hm"}}},
        {"document": {"format": "csv", "name": "d", "source": {"bytes": "eA=="}}},
    ],
)
def test_some_blocks_take_no_cache_point(last: dict[str, Any]) -> None:
    """Bedrock answers 400 to one behind them: the prefix ends before."""
    turns = [
        {"role": "user", "content": [{"text": "a"}]},
        {"role": "assistant", "content": [{"text": "b"}, last]},
        {"role": "user", "content": [{"text": "c"}]},
    ]
    warm = derive(agent(messages=turns), shared_messages=2)
    assert warm["messages"][1:] == [
        {"role": "assistant", "content": [{"text": "b"}, HOUR]},
        CONVERSE_PLACEHOLDER,
    ]


def test_what_only_streams_take_is_left_out() -> None:
    """The warm call is not streamed; the guardrail itself stays."""
    guard = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    warm = derive(agent(guardrailConfig={**guard, "streamProcessingMode": "sync"}))
    assert warm["guardrailConfig"] == guard


def test_cache_points_do_not_matter_to_fingerprints() -> None:
    """Neither their place nor their TTL; everything else does, tier by tier."""
    warm = derive(agent())
    plain = {**warm, "system": [warm["system"][0]]}
    assert fingerprint(warm, {}) == fingerprint(plain, {})
    other = fingerprint(derive(agent(toolConfig={"tools": [tool("b"), tool("a")]})), {})
    same = fingerprint(warm, {})
    assert [tier for tier in same if same[tier] != other[tier]] == ["tools", "prefix"]
    for changes in (
        {"additionalModelRequestFields": {"anthropic_beta": ["x"]}},
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}},
        {"outputConfig": {"effort": "low"}},
    ):
        assert fingerprint(derive(agent(**changes)), {})["prefix"] != same["prefix"]


def test_the_compiled_call_begins_with_its_limit() -> None:
    """The model is in the path; the digit is 1 and stays where it is."""
    prefix = build("x", derive(agent()), route="bedrock-converse")
    call = compile_prefix(prefix)
    assert call.body.startswith(b'{"inferenceConfig":{"maxTokens":1,"temperature":0.5}')
    assert json.loads(call.body) == {k: v for k, v in prefix.request.items() if k != "modelId"}
    assert call.least_tokens == 1
    assert call.with_max_tokens(1) == call.body
    shorter = json.loads(call.with_ttl(300).body)
    assert shorter == json.loads(call.body.replace(b'"ttl":"1h"', b'"ttl":"5m"'))
    assert shorter["system"][-1] == {"cachePoint": {"type": "default", "ttl": "5m"}}
    again = WarmCall.from_bytes(call.to_bytes(), "x.warm")
    assert (again.body, again.model, again.route) == (call.body, MODEL, "bedrock-converse")


def test_a_prefix_file_is_read_back() -> None:
    """The same text."""
    prefix = build("x", derive(agent()), route="bedrock-converse")
    assert (prefix.model, prefix.ttl, prefix.headers) == (MODEL, "1h", {})
    assert dumps(loads(dumps(prefix))) == dumps(prefix)


@pytest.mark.parametrize(
    ("route", "changes", "field"),
    [
        ("bedrock", {}, "request"),
        ("bedrock-converse", {"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ("bedrock-converse", {"inferenceConfig": {}}, "inferenceConfig.maxTokens"),
        ("bedrock-converse", {"inferenceConfig": None}, "inferenceConfig.maxTokens"),
        ("bedrock-converse", {"system": [{"text": "a"}]}, "request"),
        ("bedrock-converse", {"toolConfig": {"tools": "x"}}, "request.toolConfig.tools"),
        ("bedrock-converse", {"system": [{"text": "a"}, POINT]}, "ttl"),
    ],
)
def test_bad_prefix_files_are_refused(route: str, changes: dict[str, Any], field: str) -> None:
    """With the field as Converse names it."""
    document = json.loads(dumps(build("x", derive(agent()), route="bedrock-converse")))
    document["route"] = route
    document["request"] |= changes
    with pytest.raises(PrefixFileError, match=field):
        loads(json.dumps(document))


def test_usage_is_read() -> None:
    """Writes by TTL; without details they are 5-minute writes."""
    usage = {"inputTokens": 3, "outputTokens": 1, "totalTokens": 99, "cacheReadInputTokens": 20}
    details = [{"ttl": "1h", "inputTokens": 40}, {"ttl": "5m", "inputTokens": 5}]
    written = {**usage, "cacheWriteInputTokens": 45}
    assert Usage.from_response({**written, "cacheDetails": details}) == Usage(
        input=3, output=1, read=20, write_5m=5, write_1h=40
    )
    assert Usage.from_response(written) == Usage(input=3, output=1, read=20, write_5m=45)
    for nothing in (None, [], 5, ["x"], [{"ttl": "1h", "inputTokens": None}]):
        assert Usage.from_response({**usage, "cacheDetails": nothing}).written == 0
