"""The first difference of two requests: tier, place, character, and why."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.prefix.prompt import Prompt


def differences(
    left: Any, right: Any, left_headers: Any = None, right_headers: Any = None
) -> list[Any]:
    """Those of two requests."""
    return Prompt(left, left_headers).differences(Prompt(right, right_headers))


def only(left: dict[str, Any], right: dict[str, Any]) -> Any:
    reported = differences(left, right)
    assert len(reported) == 1
    return reported[0]


def test_equal_requests_do_not_differ(make_body: Any) -> None:
    """Markers, limits and stream are no difference: they are not in the cache key."""
    other = make_body(max_tokens=5, stream=True, metadata={"user_id": "u"})
    del other["system"][1]["cache_control"]
    assert differences(make_body(), other) == []


def test_text_differs_at_a_character(make_body: Any) -> None:
    """The first different character of a system block is named."""
    other = make_body()
    other["system"][1]["text"] = "Rules! " + other["system"][1]["text"][7:]
    difference = only(make_body(), other)
    assert (difference.tier, difference.place, difference.character, difference.why) == (
        "system",
        "system[1].text",
        5,
        "text",
    )
    assert difference.left.startswith("Rules: be kind")


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        ("on 2026-11-21.", "on 2026-11-22.", "date"),
        ("at 2026-11-21T08:00:00Z", "at 2026-11-21T09:00:00Z", "timestamp"),
        ("5 seats", "6 seats", "number"),
        ("a  b", "a b", "white space"),
        ("a b", "a b c", "text"),
    ],
)
def test_says_why_a_text_differs(make_body: Any, left: str, right: str, why: str) -> None:
    """A date, a number, white space or other text."""
    assert only(make_body(system=left), make_body(system=right)).why == why


def test_a_string_system_is_one_text_block(make_body: Any) -> None:
    """Both spellings of the same system prompt are equal."""
    block = [{"type": "text", "text": "You are"}]
    assert differences(make_body(system="You are"), make_body(system=block)) == []


def test_key_order_inside_a_schema_is_a_difference(make_body: Any) -> None:
    """The provider caches the rendered order, so sorted keys miss."""
    sides = make_body(), make_body()
    for side, keys in zip(sides, (("a", "b"), ("b", "a")), strict=True):
        side["tools"][1]["input_schema"]["properties"] = {k: {"type": "string"} for k in keys}
    difference = only(*sides)
    assert (difference.place, difference.why) == ("tools[1].input_schema.properties", "key order")
    assert (difference.left, difference.right) == ("a, b", "b, a")


def test_order_of_tools(make_body: Any) -> None:
    """The same tools in another order are named as such."""
    other = make_body()
    other["tools"].reverse()
    difference = only(make_body(), other)
    assert (difference.why, difference.left, difference.right) == (
        "order of tools",
        "find, buy",
        "buy, find",
    )


def test_added_and_removed_blocks(make_body: Any) -> None:
    """A block that only one side has."""
    fewer = make_body(tools=make_body()["tools"][:1])
    assert only(make_body(), fewer).why == "removed"
    added = only(fewer, make_body())
    assert (added.why, added.place, added.right) == ("added", "tools[1]", "buy")


def test_a_changed_value(make_body: Any) -> None:
    """A number or a flag inside a schema."""
    other = make_body()
    other["tools"][0]["strict"] = True
    difference = only(make_body(), other)
    assert (difference.place, difference.why, difference.left, difference.right) == (
        "tools[0].strict",
        "value",
        "(absent)",
        "true",
    )


def test_roles_belong_to_messages(make_body: Any) -> None:
    """The same text of another role differs."""
    turns = [{"role": role, "content": "hello"} for role in ("user", "assistant")]
    difference = only(make_body(messages=turns[:1]), make_body(messages=turns[1:]))
    assert (difference.tier, difference.left, difference.right) == ("messages", "user", "assistant")


@pytest.mark.parametrize(
    ("change", "place", "tier"),
    [
        ({"model": "claude-opus-5-5"}, "model", "shape"),
        ({"thinking": {"type": "disabled"}}, "thinking", "shape"),
        ({"output_config": {"effort": "low"}}, "output_config.effort", "shape"),
        ({"speed": "fast"}, "speed", "system"),
        ({"tool_choice": {"type": "none"}}, "tool_choice", "messages"),
    ],
)
def test_shape(make_body: Any, change: dict[str, Any], place: str, tier: str) -> None:
    """What is rendered beside the blocks, with the first tier it reaches."""
    difference = only(make_body(), make_body(**change))
    assert (difference.place, difference.tier) == (place, tier)


@pytest.mark.parametrize(
    "default",
    [
        {"tool_choice": {"type": "auto"}},
        {"output_config": {"effort": "high"}},
        {"speed": "standard"},
        {"thinking": None},
    ],
)
def test_an_explicit_default_is_no_difference(make_body: Any, default: dict[str, Any]) -> None:
    """The provider renders an omitted default the same."""
    assert differences(make_body(), make_body(**default)) == []


def test_the_default_effort_is_the_models_own(make_body: Any) -> None:
    """Medium is the default of Opus 5.5, and high is not."""
    model = {"model": "claude-opus-5-5"}
    medium = make_body(**model, output_config={"effort": "medium"})
    assert differences(make_body(**model), medium) == []
    high = make_body(**model, output_config={"effort": "high"})
    assert only(make_body(**model), high).place == "output_config.effort"


def test_headers_count_only_where_both_are_known(make_body: Any) -> None:
    """Betas are compared as a set."""
    left = {"anthropic-beta": "a, b", "anthropic-version": "2026-10-21"}
    same = {"anthropic-beta": "b,a", "anthropic-version": "2026-10-21"}
    other = {**same, "anthropic-beta": "a"}
    assert differences(make_body(), make_body(), left, same) == []
    assert differences(make_body(), make_body(), left, None) == []
    reported = differences(make_body(), make_body(), left, other)
    assert [difference.place for difference in reported] == ["anthropic-beta"]
