"""Rules 6 to 14: what is answered with 400, without any effect on the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeApi, MakeJson, MakeText


USER = {"role": "user", "content": "x"}
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def block(text: str = "x", **fields: Any) -> dict:
    return {"type": "text", "text": text, **fields}


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"messages": None},
        {"max_tokens": None},
        {"model": 3},
        {"messages": []},
        {"messages": {}},
        {"messages": ["x"]},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": " \n"}]},
        {"messages": [{"role": "user", "content": [block("")]}]},
        {"messages": [{"role": "user", "content": [block(" ")]}]},
        {"messages": [{"role": "user", "content": [{"type": "poem"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"max_tokens": -1},
        {"max_tokens": 1.5},
        {"max_tokens": "1"},
        {"max_tokens": True},
        {"system": [block("")]},
        {"system": [{"type": "image"}]},
        {"system": 3},
        {"tools": [{"name": "a b", "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "a"}]},
        {"tools": [TOOL, TOOL]},
        {"tool_choice": {"type": "tool", "name": "other"}, "tools": [TOOL], "max_tokens": 9},
        {"tool_choice": {"type": "maybe"}},
        {"surprise": 1},
        {"stream": "yes"},
    ],
)
def test_rule_06_a_body_needs_its_fields(api: Api, body: MakeJson, change: Json) -> None:
    """A field of None is left out by the fixture."""
    assert api.refused(body(**change))
    assert api.sim.entries() == []


def test_rule_06_unfitting_tool_results_are_refused(api: Api, body: MakeJson) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "seen"}
    asked = [USER, {"role": "assistant", "content": [use]}]
    answered = [*asked, {"role": "user", "content": [result]}]
    assert api.send(body(messages=answered, tools=[TOOL])).status_code == 200
    assert "t1" in api.refused(body(messages=[*asked, USER], tools=[TOOL]))
    assert "t1" in api.refused(body(messages=[{"role": "user", "content": [result]}]))


@pytest.mark.parametrize(
    ("model", "change"),
    [
        ("claude-sonnet-4-6", {"stream": True}),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (
            "claude-sonnet-4-6",
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}}},
        ),
        (
            "claude-sonnet-4-6",
            {"output_format": {"type": "json_schema", "schema": {"type": "string"}}},
        ),
        ("claude-sonnet-4-6", {"tools": [TOOL], "tool_choice": {"type": "any"}}),
        ("claude-sonnet-4-6", {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}),
    ],
)
def test_rule_07_what_zero_output_does_not_go_with(
    api: Api, body: MakeJson, model: str, change: Json
) -> None:
    assert "max_tokens" in api.refused(body(model=model, **change))
    assert api.sim.entries() == []
    if "thinking" not in change:
        assert api.send(body(model=model, max_tokens=1, **change)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"thinking": {"type": "adaptive"}},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "between_tools"}},
        {"output_config": {"effort": "low"}},
        {"output_config": {"effort": "max"}},
        {"tools": [TOOL], "tool_choice": {"type": "auto"}},
        {"tools": [TOOL], "tool_choice": {"type": "none"}},
        {"stream": False},
    ],
)
def test_rule_07_what_zero_output_goes_with(api: Api, body: MakeJson, change: Json) -> None:
    assert api.counts(body(**change))[1] >= 2000


def test_rule_08_the_thinking_budget_must_be_below_max_tokens(api: Api, body: MakeJson) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    refused = body(model="claude-sonnet-4-5", max_tokens=2000, thinking=thinking)
    assert "budget_tokens" in api.refused(refused)
    assert api.send({**refused, "max_tokens": 2001}).status_code == 200


@pytest.mark.parametrize(
    "marker",
    [
        {},
        {"type": "persistent"},
        {"type": "ephemeral", "ttl": "10m"},
        {"type": "ephemeral", "ttl": 300},
        {"type": "ephemeral", "ttl": None},
        {"type": "ephemeral", "scope": "all"},
        "ephemeral",
        [],
    ],
)
@pytest.mark.parametrize("place", ["system", "tools", "messages", "top"])
def test_rule_09_a_marker_is_ephemeral_for_5m_or_1h(
    api: Api, body: MakeJson, marker: object, place: str
) -> None:
    change = {
        "system": {"system": [block("x", cache_control=marker)]},
        "tools": {"tools": [{**TOOL, "cache_control": marker}]},
        "messages": {"messages": [{"role": "user", "content": [block(cache_control=marker)]}]},
        "top": {"cache_control": marker},
    }[place]
    assert "cache_control" in api.refused(body(**change))


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_rule_09_both_ttls_are_taken(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText, ttl: str
) -> None:
    assert api.counts(body(system=[mark(words(2000), ttl)]))[1] == 2000


def test_rule_10_at_most_four_markers(api: Api, body: MakeJson) -> None:
    blocks = [block(f"x{i}", cache_control=EPHEMERAL) for i in range(5)]
    assert api.send(body(system=blocks[:4])).status_code == 200
    assert "maximum of 4" in api.refused(body(system=blocks))


def test_rule_10_the_automatic_marker_counts(api: Api, body: MakeJson) -> None:
    blocks = [block(f"x{i}", cache_control=EPHEMERAL) for i in range(4)]
    assert api.send(body(system=blocks[:3], cache_control=EPHEMERAL)).status_code == 200
    assert "maximum of 4" in api.refused(body(system=blocks, cache_control=EPHEMERAL))


@pytest.mark.parametrize("short", [EPHEMERAL, {"type": "ephemeral", "ttl": "5m"}])
@pytest.mark.parametrize("places", ["tools-system", "tools-messages", "system-messages", "system"])
def test_rule_11_a_longer_ttl_must_come_first(
    api: Api, body: MakeJson, short: Json, places: str
) -> None:
    def request(first: Json, second: Json) -> Json:
        message = [{"role": "user", "content": [block(cache_control=second)]}]
        return body(
            **{
                "tools-system": {
                    "tools": [{**TOOL, "cache_control": first}],
                    "system": [block(cache_control=second)],
                },
                "tools-messages": {
                    "tools": [{**TOOL, "cache_control": first}],
                    "system": None,
                    "messages": message,
                },
                "system-messages": {
                    "system": [block(cache_control=first)],
                    "messages": message,
                },
                "system": {
                    "system": [block(cache_control=first), block("y", cache_control=second)]
                },
            }[places]
        )

    assert "must not come after" in api.refused(request(short, HOUR))
    assert api.send(request(HOUR, short)).status_code == 200


def test_rule_12_thinking_and_inner_blocks_carry_no_marker(api: Api, body: MakeJson) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s", "cache_control": EPHEMERAL}
    turns = [USER, {"role": "assistant", "content": [thought, block()]}, USER]
    assert "thinking" in api.refused(body(messages=turns))
    empty = [{"role": "user", "content": [block("", cache_control=EPHEMERAL)]}]
    assert "empty" in api.refused(body(messages=empty))
    result = {"type": "search_result", "source": "s", "title": "t"}
    result["content"] = [block(cache_control=EPHEMERAL)]
    assert "inside a block" in api.refused(body(messages=[{"role": "user", "content": [result]}]))
    cited = block(citations=[{"type": "char_location", "cache_control": EPHEMERAL}])
    assert "inside a block" in api.refused(body(messages=[{"role": "user", "content": [cited]}]))


def test_rule_12_the_turn_of_an_unmarked_thinking_block_is_cached(
    api: Api, body: MakeJson, words: MakeText
) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    last = {"role": "user", "content": [block(cache_control=EPHEMERAL)]}
    turns = [USER, {"role": "assistant", "content": [thought, block()]}, last]
    request = body(messages=turns, system=words(2000))
    assert api.counts(request)[1] > 2000
    assert api.counts(request)[0] > 2000


def test_rule_13_automatic_caching_marks_the_last_block(
    api: Api, body: MakeJson, words: MakeText
) -> None:
    request = body(system=words(2000), cache_control=EPHEMERAL)
    assert api.counts(request) == (0, 2001, 0)
    assert api.counts(request) == (2001, 0, 0)


def test_rule_13_same_ttl_is_a_no_op_and_another_is_refused(
    api: Api, body: MakeJson, words: MakeText
) -> None:
    message = [{"role": "user", "content": [block("warm", cache_control=EPHEMERAL)]}]
    request = body(system=words(2000), messages=message, cache_control=EPHEMERAL)
    assert api.counts(request) == (0, 2001, 0)
    assert "differs" in api.refused({**request, "cache_control": HOUR})


def test_rule_13_an_ineligible_last_block_is_walked_over(
    api: Api, body: MakeJson, words: MakeText
) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    turns = [USER, {"role": "assistant", "content": [thought]}]
    request = body(
        model="claude-sonnet-4-5", system=words(2000), messages=turns, cache_control=EPHEMERAL
    )
    read, written, uncached = api.counts(request)
    assert (read, written) == (0, 2001)
    assert uncached > 0


def test_rule_14_refuse_zero(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(refuse_zero=True)
    assert "max_tokens" in api.refused(body())
    assert api.counts(body(max_tokens=1))[1] == 2000
    api.sim.switch(refuse_zero=False)
    assert api.counts(body())[0] == 2000


def test_failed_validation_refreshes_nothing(api: Api, body: MakeJson) -> None:
    api.send(body())
    [before] = api.sim.entries()
    api.sim.advance(100)
    api.refused(body(stream=True))
    [after] = api.sim.entries()
    assert after["expires_at"] == before["expires_at"]
    assert after["reads"] == 0


@pytest.mark.parametrize(
    ("model", "change", "word"),
    [
        ("claude-opus-4-6", {"messages": [USER, {"role": "assistant", "content": "y"}]}, "prefill"),
        ("claude-opus-4-7", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "enabled"),
        ("claude-sonnet-4-5", {"thinking": {"type": "adaptive"}}, "adaptive"),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, "disabled"),
        ("claude-fable-5", {"thinking": {"type": "disabled"}}, "disabled"),
        ("claude-opus-5-5", {"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
        ("claude-sonnet-5-5", {"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
        ("claude-sonnet-5-5", {"thinking": {"type": "disabled"}}, "disabled"),
        (
            "claude-sonnet-5-5",
            {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}},
            "between_tools",
        ),
        ("claude-fable-5-1", {"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
        ("claude-haiku-4-5", {"inference_geo": "us"}, "inference_geo"),
        ("claude-sonnet-5-5", {"speed": "fast"}, "speed"),
    ],
)
def test_what_single_models_refuse(
    api: Api, body: MakeJson, model: str, change: Json, word: str
) -> None:
    assert word in api.refused(body(model=model, max_tokens=4000, **change))


@pytest.mark.parametrize("model", ["claude-sonnet-9", "gpt-5", "anthropic.claude-opus-5", "x"])
def test_unknown_models_are_404(api: Api, body: MakeJson, model: str) -> None:
    assert api.refused(body(model=model), 404) == f"model: {model}"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b'"x"'])
def test_what_is_no_json_object_is_400(api: Api, content: bytes) -> None:
    assert api.refused(content)


def test_deeply_nested_json_is_400(api: Api, body: MakeJson) -> None:
    nested: dict = {}
    for _ in range(300):
        nested = {"x": nested}
    tool = {**TOOL, "input_schema": {"type": "object", "properties": nested}}
    assert "nested" in api.refused(body(tools=[tool]))


def test_more_than_32_megabytes_are_413(api: Api) -> None:
    reply = api.send(b" " * (32 * 1024 * 1024 + 1))
    assert reply.status_code == 413
    assert reply.json()["error"]["type"] == "request_too_large"
