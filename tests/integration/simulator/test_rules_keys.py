"""Rules 15 to 18: positions, block bytes and what is in the key."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeApi, MakeJson, MakeText


EPHEMERAL = {"type": "ephemeral"}
USER = {"role": "user", "content": "x"}
SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}
TOOL = {"name": "look", "description": "Looks.", "input_schema": SCHEMA}


def block(text: str = "x", **fields: Any) -> dict:
    return {"type": "text", "text": text, **fields}


def rounds(kind: str, size: int) -> list[dict]:
    """A tool round with `size` parallel uses, marked at the last block of `kind`."""
    uses = [{"type": "tool_use", "id": f"t{i}", "name": "look", "input": {}} for i in range(size)]
    results = [
        {"type": "tool_result", "tool_use_id": f"t{i}", "content": "ok"} for i in range(size)
    ]
    blocks = {"tool_use": uses, "tool_result": results}[kind]
    blocks[-1] = {**blocks[-1], "cache_control": EPHEMERAL}
    return [USER, {"role": "assistant", "content": uses}, {"role": "user", "content": results}]


def test_rule_15_the_order_is_tools_system_messages(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    message = [{"role": "user", "content": [mark("x")]}]
    tool = {**TOOL, "cache_control": EPHEMERAL}
    api.send(body(tools=[tool], system=[mark(words(2000))], messages=message))
    tokens = [entry["tokens"] for entry in api.sim.entries()]
    counted = api.send(body(tools=[TOOL], messages=[USER]), "/v1/messages/count_tokens").json()
    assert sorted(tokens) == [counted["input_tokens"] - 1, counted["input_tokens"]]


def test_rule_15_strings_are_one_block(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    plain = body(system=words(2000), messages=[{"role": "user", "content": "x"}])
    api.send({**plain, "cache_control": EPHEMERAL})
    listed = body(system=[block(words(2000))], messages=[{"role": "user", "content": [mark("x")]}])
    assert api.counts(listed)[0] == 2001


def test_rule_15_the_role_is_part_of_a_message_block(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    first = [USER, {"role": "user", "content": [mark(words(1500))]}]
    request = body(model="claude-opus-5", system=None, messages=first)
    assert api.counts(request)[1] > 1500
    other = [USER, {"role": "system", "content": [mark(words(1500))]}]
    assert api.counts({**request, "messages": other})[0] == 0
    assert api.counts(request)[0] > 1500


@pytest.mark.parametrize("kind", ["tool_use", "tool_result"])
@pytest.mark.parametrize("size", [1, 30])
def test_rule_15_a_run_of_tool_blocks_is_one_position(
    api: Api, body: MakeJson, words: MakeText, kind: str, size: int
) -> None:
    api.send(body(tools=[TOOL]))
    request = body(tools=[TOOL], system=[block(words(2000))], messages=rounds(kind, size))
    assert api.counts(request)[0] > 2000


def test_rule_15_thirty_text_blocks_are_thirty_positions(
    api: Api, body: MakeJson, words: MakeText, mark: MakeJson
) -> None:
    api.send(body())
    content = [block(f"t{i}") for i in range(29)] + [mark("end")]
    request = body(system=[block(words(2000))], messages=[{"role": "user", "content": content}])
    assert api.counts(request)[0] == 0


def test_rule_16_schema_key_order_changes_the_key(api: Api, body: MakeJson) -> None:
    api.send(body(tools=[TOOL]))
    assert api.counts(body(tools=[TOOL]))[0] > 2000
    swapped = copy.deepcopy(TOOL)
    swapped["input_schema"]["properties"] = {"a": {"type": "number"}, "b": {"type": "string"}}
    assert api.counts(body(tools=[swapped]))[0] == 0


def test_rule_16_markers_are_not_part_of_the_key(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    blocks = [mark(words(1500)), mark(words(1500, "z"))]
    assert api.counts(body(system=blocks))[1] == 3000
    only_last = [block(words(1500)), mark(words(1500, "z"))]
    assert api.counts(body(system=only_last))[0] == 3000
    only_first = [mark(words(1500)), block(words(1500, "z"))]
    assert api.counts(body(system=only_first))[0] == 1500
    hour = [mark(words(1500), "1h"), mark(words(1500, "z"), "1h")]
    assert api.counts(body(system=hour))[0] == 3000


def test_rule_16_whitespace_of_the_json_is_not_part_of_the_key(api: Api, body: MakeJson) -> None:
    api.send(json.dumps(body()).encode())
    wide = api.send(json.dumps(body(), indent=8).encode()).json()
    assert wide["usage"]["cache_read_input_tokens"] == 2000


# What changes, and which of the markers on tools, system and messages still read.
TIERS = [
    ({}, "messages"),
    ({"tool_choice": {"type": "none"}}, "system"),
    ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "system"),
    ({"tool_choice": {"type": "auto"}}, "messages"),
    ({"image": True}, "system"),
    ({"citations": True}, "tools"),
    ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, "tools"),
    ({"speed": "fast"}, "tools"),
    ({"speed": "standard"}, "messages"),
    ({"output_config": {"effort": "low"}}, "nothing"),
    ({"output_config": {"effort": "high"}}, "messages"),
    ({"thinking": {"type": "adaptive"}}, "messages"),
    ({"thinking": {"type": "disabled"}}, "nothing"),
    ({"model": "claude-opus-4-7"}, "nothing"),
]


def layered(body: MakeJson, mark: MakeJson, words: MakeText, change: dict) -> dict:
    """Markers on tools, system and the first message block; a second one may differ."""
    change = dict(change)
    tool = {**TOOL, "description": words(5000), "cache_control": EPHEMERAL}
    more = []
    if change.pop("image", False):
        source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
        more = [{"type": "image", "source": source}]
    if change.pop("citations", False):
        source = {"type": "text", "media_type": "text/plain", "data": "x"}
        more = [{"type": "document", "source": source, "citations": {"enabled": True}}]
    first = {"role": "user", "content": [mark(words(2000, "m")), *more]}
    base = {"model": "claude-opus-5", "max_tokens": 1, "tools": [tool], "messages": [first]}
    return body(**{**base, **change})


@pytest.mark.parametrize(("change", "reads"), TIERS)
def test_rule_17_what_is_in_which_tier(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText, change: Json, reads: str
) -> None:
    api.send(layered(body, mark, words, {}))
    tokens = sorted(entry["tokens"] for entry in api.sim.entries())
    expected = {"nothing": 0, **dict(zip(("tools", "system", "messages"), tokens, strict=True))}
    assert api.counts(layered(body, mark, words, change))[0] == expected[reads]


def test_rule_17_web_tools_invalidate_system(api: Api, body: MakeJson, mark: MakeJson) -> None:
    """A deferred web tool stands outside the tools tier, and still changes the system prompt."""
    tool = {**TOOL, "description": "x" * 9000, "cache_control": EPHEMERAL}
    api.send(body(tools=[tool]))
    tokens = min(entry["tokens"] for entry in api.sim.entries())
    web = {"type": "web_search_20250305", "name": "web_search", "defer_loading": True}
    assert api.counts(body(tools=[tool, web]))[0] == tokens


@pytest.mark.parametrize(
    ("tier", "reads"), [("all", "nothing"), ("system", "tools"), ("messages", "system")]
)
@pytest.mark.parametrize(
    "change", [{"output_config": {"effort": "low"}}, {"thinking": {"type": "disabled"}}]
)
def test_rule_17_thinking_tier(
    make_api: MakeApi,
    body: MakeJson,
    mark: MakeJson,
    words: MakeText,
    change: Json,
    tier: str,
    reads: str,
) -> None:
    api = make_api(thinking_tier=tier)
    api.send(layered(body, mark, words, {}))
    tokens = sorted(entry["tokens"] for entry in api.sim.entries())
    expected = {"nothing": 0, **dict(zip(("tools", "system", "messages"), tokens, strict=True))}
    assert api.counts(layered(body, mark, words, change))[0] == expected[reads]


@pytest.mark.parametrize(
    ("switch", "change", "headers"),
    [
        ("key_beta", {}, {"anthropic_beta": "context-1"}),
        ("key_geo", {"inference_geo": "us"}, {}),
        ("key_version", {}, {"anthropic_version": "2026-10-21"}),
    ],
)
@pytest.mark.parametrize("position", [True, False])
def test_rule_17_optional_ingredients(
    make_api: MakeApi,
    body: MakeJson,
    switch: str,
    change: Json,
    headers: dict[str, str],
    position: bool,
) -> None:
    api = make_api(**{switch: position})
    api.send(body())
    assert (api.counts(body(**change), **headers)[0] == 0) is position


def test_rule_17_the_beta_set_has_no_order_and_no_login_betas(api: Api, body: MakeJson) -> None:
    api.send(body(), anthropic_beta="b-1,a-1")
    assert api.counts(body(), anthropic_beta="a-1, b-1, oauth-2025-04-20")[0] == 2000
    assert api.counts(body(), anthropic_beta="a-1")[0] == 0


@pytest.mark.parametrize(
    ("model", "change"),
    [
        ("claude-opus-5-5", {"output_config": {"effort": "medium"}}),
        ("claude-haiku-5-5", {"output_config": {"effort": "medium"}}),
        ("claude-opus-5", {"output_config": {"effort": "high"}}),
        ("claude-opus-5-5", {"thinking": {"type": "adaptive"}}),
        ("claude-fable-5", {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5", {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("claude-opus-4-8", {"thinking": {"type": "disabled"}}),
    ],
)
def test_rule_17_an_explicit_default_is_the_same_as_none(
    api: Api, body: MakeJson, model: str, change: Json
) -> None:
    written = api.counts(body(model=model))[1]
    assert api.counts(body(model=model, **change)) == (written, 0, api_rest(api))


def api_rest(api: Api) -> int:
    """Uncached tokens of the last request."""
    return api.sim.requests()[-1]["usage"]["input_tokens"]


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"user_id": "u"}},
        {"max_tokens": 5},
        {"max_tokens": 5, "stream": False},
        {"stop_sequences": ["x"]},
        {"service_tier": "standard_only"},
        {"diagnostics": {"previous_message_id": None}},
    ],
)
def test_rule_18_what_is_not_in_the_key(api: Api, body: MakeJson, change: Json) -> None:
    api.send(body())
    assert api.counts(body(**change))[0] == 2000
    assert api.counts(dict(reversed(body(**change).items())))[0] == 2000


def test_rule_18_stream_and_key_are_not_in_the_key(api: Api, body: MakeJson) -> None:
    api.send(body())
    assert api.counts(body(), authorization="Bearer other")[0] == 2000
    streamed = api.send(body(stream=True, max_tokens=5)).text
    assert '"cache_read_input_tokens":2000' in streamed
