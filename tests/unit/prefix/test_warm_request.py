"""Deriving the warm request from an agent's own."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from prefixwarm.errors import UnwarmableRequestError
from prefixwarm.prefix.body import markers, without_placeholder
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.warm_request import PLACEHOLDER
from tests.helpers.derived import derive

HOUR = {"type": "ephemeral", "ttl": "1h"}
FIVE = {"type": "ephemeral"}
TOOLS = [{"name": "a", "input_schema": {"z": 1, "a": 2}}, {"name": "b", "input_schema": {}}]
ASKED = [{"role": "user", "content": "Where is my parcel?"}]


def agent(**changes: Any) -> dict[str, Any]:
    """A request as an agent sends it."""
    return {"model": "claude-sonnet-5-5", "max_tokens": 1024, "messages": ASKED, **changes}


def text(words: str, **more: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": words, **more}


def places(request: dict[str, Any]) -> list[str]:
    """Where the breakpoints are."""
    return [place for place, _ in markers(request)]


def test_a_string_system_becomes_a_marked_block() -> None:
    """A string cannot carry a breakpoint."""
    warm = derive(agent(system="You help."))
    assert warm == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 0,
        "messages": [PLACEHOLDER],
        "system": [text("You help.", cache_control=HOUR)],
    }


def test_without_markers_all_is_shared() -> None:
    """The prefix ends at the last system block."""
    warm = derive(agent(tools=TOOLS, system=[text("one"), text("two")]))
    assert places(warm) == ["system[1]"]
    assert [tool["name"] for tool in warm["tools"]] == ["a", "b"]


def test_without_a_system_it_ends_at_the_last_tool() -> None:
    """Tools alone are a prefix too."""
    for system in ({}, {"system": ""}, {"system": []}):
        warm = derive(agent(tools=TOOLS, **system))
        assert places(warm) == ["tools[1]"]
        assert "system" not in warm


def test_automatic_caching_becomes_a_breakpoint() -> None:
    """It would mark the placeholder, which nothing ever reads again."""
    warm = derive(agent(system="You help.", cache_control={"type": "ephemeral"}))
    assert "cache_control" not in warm
    assert places(warm) == ["system[0]"]


def test_ends_at_the_agents_last_breakpoint() -> None:
    """What follows it is not shared."""
    warm = derive(agent(tools=TOOLS, system=[text("one", cache_control=FIVE), text("user: Ann")]))
    assert warm["system"] == [text("one", cache_control=HOUR)]


def test_markers_on_tools_only() -> None:
    """Then the system prompt is not shared either."""
    marked = [{**TOOLS[0], "cache_control": FIVE}, TOOLS[1]]
    warm = derive(agent(tools=marked, system="today is Monday"))
    assert [tool["name"] for tool in warm["tools"]] == ["a"]
    assert "system" not in warm
    assert places(warm) == ["tools[0]"]


def test_a_null_marker_is_none() -> None:
    """SDKs may send the field empty."""
    warm = derive(agent(system=[text("one", cache_control=None), text("two")]))
    assert places(warm) == ["system[1]"]


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_all_breakpoints_ask_for_one_ttl(ttl: str) -> None:
    """A longer TTL may not follow a shorter one."""
    marked = [TOOLS[0], {**TOOLS[1], "cache_control": {"type": "ephemeral", "ttl": "5m"}}]
    system = [text("one", cache_control=HOUR), text("two", cache_control=FIVE)]
    warm = derive(agent(tools=marked, system=system), ttl=ttl)
    assert places(warm) == ["tools[1]", "system[0]", "system[1]"]
    assert {block["cache_control"]["ttl"] for _, block in markers(warm)} == {ttl}


def test_what_shapes_the_prompt_stays() -> None:
    """Order of keys included, at the top and inside schemas."""
    request = {
        "thinking": {"type": "adaptive"},
        "tools": TOOLS,
        "output_config": {"effort": "high", "format": None},
        "messages": ASKED,
        "stream": True,
        "diagnostics": {"previous_message_id": None},
        "max_tokens": 4096,
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u"},
        "system": "You help.",
        "model": "claude-sonnet-5-5",
    }
    warm = derive(request)
    left_out = ("stream", "diagnostics", "metadata")
    assert list(warm) == [name for name in request if name not in left_out]
    for name in ("thinking", "output_config", "tool_choice"):
        assert warm[name] == request[name]
    assert json.dumps(warm["tools"]) == json.dumps(TOOLS)


def test_shared_messages() -> None:
    """The prefix then ends at the last block of those."""
    shared = [
        {"role": "user", "content": "Here is the handbook."},
        {"role": "assistant", "content": [text("Thanks."), text("Read it.")]},
    ]
    request = agent(system=[text("one", cache_control=FIVE), text("two")], messages=shared + ASKED)
    warm = derive(request, shared_messages=2)
    assert warm["messages"] == [
        {"role": "user", "content": [text("Here is the handbook.")]},
        {
            "role": "assistant",
            "content": [text("Thanks."), text("Read it.", cache_control=HOUR)],
        },
        PLACEHOLDER,
    ]
    assert places(warm) == ["system[0]", "messages[1].content[1]"]
    assert len(warm["system"]) == 2


def test_the_agents_request_is_left_alone() -> None:
    """Nothing of it is changed in place, and the placeholder is not shared."""
    shared = [{"role": "user", "content": [text("shared", cache_control=FIVE)]}]
    request = agent(tools=TOOLS, system=[text("one")], messages=shared + ASKED)
    before = deepcopy(request)
    warm = derive(request, shared_messages=1)
    assert request == before
    warm["messages"][-1]["content"] = "changed"
    assert PLACEHOLDER["content"] == "warm"


def test_is_its_own_warm_request() -> None:
    """Deriving twice changes nothing."""
    warm = derive(agent(tools=TOOLS, system="You help."))
    assert derive(warm) == warm


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"model": None}, "model", "missing or not a str"),
        ({"messages": []}, "messages", "missing or not a list"),
        ({"messages": "hello"}, "messages", "missing or not a list"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking", "adaptive"),
        ({"system": None}, "system", "nothing is shared"),
        ({"system": 5}, "tools, system, messages", "lists of objects"),
        ({"tools": ["a"]}, "tools, system, messages", "lists of objects"),
        ({"system": [text("")]}, "prefix", "cannot carry a breakpoint"),
    ],
)
def test_refuses_what_cannot_be_warmed(change: dict[str, Any], field: str, problem: str) -> None:
    """The field, and the way round."""
    request = agent(system="You help.") | change
    with pytest.raises(UnwarmableRequestError, match=problem) as caught:
        derive(request)
    assert caught.value.field == field


FORMAT = {"type": "json_schema", "schema": {"type": "object"}}


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "a"}])
def test_a_forced_tool_is_left_out(choice: dict[str, Any]) -> None:
    """It reaches the messages alone, and zero tokens are forbidden with it."""
    request = agent(system="You help.", tools=TOOLS, tool_choice=choice)
    warm = Prompt(request).warm_request()
    assert "tool_choice" not in warm.body
    assert (warm.body["max_tokens"], warm.left_out) == (0, {"tool_choice": "output"})


def test_a_forced_tool_stays_where_messages_are_warmed() -> None:
    """Then it is part of the key, and one token is asked for."""
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, *ASKED]
    request = agent(tools=TOOLS, tool_choice={"type": "any"}, messages=turns)
    warm = derive(request, shared_messages=2)
    assert (warm["tool_choice"], warm["max_tokens"]) == ({"type": "any"}, 1)


@pytest.mark.parametrize(
    "shape", [{"output_config": {"format": FORMAT}}, {"output_format": FORMAT}]
)
def test_structured_output_asks_for_one_token(shape: dict[str, Any]) -> None:
    """By either name: it is part of the prompt, and forbids zero."""
    warm = Prompt(agent(system="You help.", **shape)).warm_request()
    assert (warm.output_tokens, warm.body["max_tokens"]) == (1, 1)
    assert shape.items() <= warm.body.items()


def test_what_belongs_to_one_run_or_request_is_left_out() -> None:
    """And it is said what."""
    skills = [{"type": "anthropic", "skill_id": "pptx", "version": "latest"}]
    request = agent(
        system="You help.",
        container={"id": "container_1", "skills": skills},
        fallback_credit_token="fct",
        metadata={"user_id": "u"},
        stream=True,
    )
    warm = Prompt(request).warm_request()
    assert warm.body["container"] == {"skills": skills}
    assert warm.left_out == {
        "container.id": "run",
        "fallback_credit_token": "request",
        "metadata": "request",
    }


def test_a_deferred_tool_is_never_marked() -> None:
    """The prefix ends at the last tool that is in the prompt; the others are sent along."""
    late = [{"name": f"late_{i}", "input_schema": {}, "defer_loading": True} for i in range(2)]
    for tools in ([*TOOLS, *late], [*late, *TOOLS]):
        warm = derive(agent(tools=tools))
        assert [t["name"] for t in warm["tools"] if "cache_control" in t] == ["b"]
        assert len(warm["tools"]) == 4
    with pytest.raises(UnwarmableRequestError, match="nothing is shared"):
        derive(agent(tools=late))


def test_the_prefix_may_end_inside_a_message() -> None:
    """The placeholder then is the last block of that message."""
    document = text("A contract. " * 9, cache_control=FIVE)
    request = agent(messages=[{"role": "user", "content": [document, text("Who signs?")]}])
    warm = Prompt(request).warm_request(end=1).body
    marked = text("A contract. " * 9, cache_control=HOUR)
    assert warm["messages"] == [{"role": "user", "content": [marked, text("warm")]}]
    assert without_placeholder(warm)["messages"] == [{"role": "user", "content": [marked]}]


def test_it_ends_where_a_user_may_speak() -> None:
    """Not behind a tool's call without its result, nor behind a system message or thinking."""
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [text("b"), {"type": "thinking", "thinking": "t"}]},
        {"role": "user", "content": "c"},
        {"role": "system", "content": "Be short."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}, text("d")]},
    ]
    request = agent(system="You help.", messages=turns)
    ends = {end: places(Prompt(request).warm_request(end=end).body)[-1] for end in range(2, 9)}
    assert ends == {
        2: "messages[0].content[0]",
        3: "messages[1].content[0]",
        4: "messages[1].content[0]",
        5: "messages[2].content[0]",
        6: "messages[2].content[0]",
        7: "messages[2].content[0]",
        8: "messages[5].content[0]",
    }


def test_of_five_breakpoints_the_least_useful_goes() -> None:
    """That which covers least of its own; never the last."""
    names = ("a" * 40, "b" * 30, "c", "d" * 20)
    marked = [{"name": name, "input_schema": {}, "cache_control": FIVE} for name in names]
    warm = derive(agent(tools=marked, system=[text("You help.", cache_control=FIVE)]))
    assert places(warm) == ["tools[0]", "tools[1]", "tools[3]", "system[0]"]


def test_a_breakpoint_inside_a_result_is_left_out() -> None:
    """It is unsettled whether the provider takes it."""
    inside = [text("r", cache_control=FIVE)]
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a"}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": inside}],
        },
    ]
    warm = derive(agent(tools=TOOLS, messages=[*turns, *ASKED]), shared_messages=3)
    result = warm["messages"][2]["content"][0]
    assert (result["content"], result["cache_control"]) == ([text("r")], HOUR)


def test_four_breakpoints_are_fine() -> None:
    """As many as the provider takes."""
    warm = derive(agent(tools=[{**TOOLS[0], "cache_control": FIVE}] * 4, system="You help."))
    assert len(places(warm)) == 4


def test_refuses_messages_that_are_no_lists_of_objects() -> None:
    """No warm request can be made of them."""
    messages = [{"role": "user", "content": ["x"]}]
    with pytest.raises(UnwarmableRequestError, match="lists of objects"):
        derive(agent(system="You help.", messages=messages))


def test_refuses_other_ttls() -> None:
    """Two are known."""
    with pytest.raises(UnwarmableRequestError, match="write 5m or 1h"):
        derive(agent(system="You help."), ttl="2h")
