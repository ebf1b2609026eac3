"""Replies that can be parsed by what asked for them, and tools that are not called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json

USER = {"role": "user", "content": "Where is parcel 7?"}
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 20},
        "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d{4}$"},
        "when": {"type": "string", "format": "date"},
        "count": {"type": "integer", "minimum": 5, "maximum": 9},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.2},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
        "inner": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]},
        "spare": {"type": "string"},
    },
    "required": ["name", "code", "when", "count", "share", "tags", "inner"],
    "$defs": {
        "inner": {
            "allOf": [
                {"type": "object", "properties": {"x": {"const": 3}}, "required": ["x"]},
                {"properties": {"y": {"type": ["string", "null"]}}, "required": ["y"]},
            ]
        }
    },
}
CLOSED = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}},
    "required": ["answer", "sure"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "schema": CLOSED}


def tool(name: str, **fields: Any) -> Json:
    return {"name": name, "description": "x", "input_schema": SCHEMA, **fields}


def body(**fields: Any) -> Json:
    request = {"model": "claude-sonnet-5", "max_tokens": 900, "messages": [USER]}
    return {**request, **fields}


def reply(api: Api, **fields: Any) -> Json:
    """The content block of a reply, with why it ended."""
    received = api.send(body(**fields))
    assert received.status_code == 200, received.text
    message = received.json()
    [block] = message["content"]
    return {**block, "stop_reason": message["stop_reason"]}


@pytest.mark.parametrize("fields", [{"output_config": {"format": FORM}}, {"output_format": FORM}])
def test_structured_output_is_json_that_fits(api: Api, fields: Json) -> None:
    block = reply(api, **fields)
    jsonschema.validate(json.loads(block["text"]), CLOSED)
    assert block["stop_reason"] == "end_turn"


def test_structured_output_beside_tools_is_json(api: Api) -> None:
    block = reply(api, output_config={"format": FORM}, tools=[tool("look_up")])
    jsonschema.validate(json.loads(block["text"]), CLOSED)


@pytest.mark.parametrize("others", [[], [tool("delete")]])
def test_a_tool_that_is_forced_by_name_is_called_with_fitting_input(
    api: Api, others: list[Json]
) -> None:
    choice = {"type": "tool", "name": "Answer"}
    block = reply(api, tools=[*others, tool("Answer")], tool_choice=choice)
    assert (block["name"], block["stop_reason"]) == ("Answer", "tool_use")
    jsonschema.validate(block["input"], SCHEMA)


@pytest.mark.parametrize("name", ["final_answer", "final_result", "json_tool_call", "json"])
def test_of_several_tools_the_one_that_takes_the_answer_is_called(api: Api, name: str) -> None:
    """With `any`: not the one that acts."""
    tools = [tool("delete"), tool(name)]
    assert reply(api, tools=tools, tool_choice={"type": "any"})["name"] == name


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "auto"}},
        {"tool_choice": {"type": "none"}},
        {},
    ],
)
def test_tools_that_act_are_not_called(api: Api, fields: Json) -> None:
    block = reply(api, tools=[tool("delete"), tool("send")], **fields)
    assert (block["type"], block["stop_reason"]) == ("text", "end_turn")


def test_with_the_switch_the_first_tool_is_called_once_a_turn(api: Api) -> None:
    api.sim.switch(call_tools=True)
    tools = [tool("deferred", defer_loading=True), tool("look_up"), tool("final_answer")]
    for choice in ("auto", "any"):
        block = reply(api, tools=tools, tool_choice={"type": choice})
        assert block["name"] == "look_up"
    use = {"type": "tool_use", "id": "t", "name": "look_up", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "ok"}
    turns = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    assert reply(api, tools=tools, messages=turns)["type"] == "text"
    forced = reply(api, tools=tools, messages=turns, tool_choice={"type": "any"})
    assert forced["name"] == "final_answer"
    assert reply(api, tools=tools, tool_choice={"type": "none"})["type"] == "text"


def test_a_reply_is_cut_at_max_tokens(api: Api) -> None:
    block = reply(api, output_config={"format": FORM}, max_tokens=2)
    assert block["stop_reason"] == "max_tokens"
    assert len(block["text"]) == 8
