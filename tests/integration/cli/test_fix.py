"""`check --request FILE --fix`: a request is corrected where there is one right answer."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.prefix.prefix_file import write
from prefixwarm.simulator import refusal
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"q": {"type": "string"}}}
HOUR: Json = {"type": "ephemeral", "ttl": "1h"}
VERSION = {"anthropic-version": "2023-06-01"}


def tool(name: str, **more: Any) -> Json:
    return {"name": name, "description": f"{name}. " * 200, "input_schema": SCHEMA, **more}


TEXT = {"type": "text", "text": "You are a careful clerk. " * 200}
AGENT: Json = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 50,
    "tools": [tool("buy"), tool("find", cache_control=HOUR)],
    "system": [{**TEXT, "cache_control": HOUR}],
    "messages": [{"role": "user", "content": "x"}],
}
CONVERSE: Json = {
    "modelId": "eu.anthropic.claude-sonnet-5-5",
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": n, "description": n * 900, "inputSchema": {"json": SCHEMA}}}
            for n in ("buy", "find")
        ]
    },
    "system": [{"text": TEXT["text"]}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    "messages": [{"role": "user", "content": [{"text": "x"}]}],
}
LATE = tool("late", defer_loading=True)
TOOLS = CONVERSE["toolConfig"]["tools"]


@pytest.mark.parametrize(
    ("agent", "change", "rules"),
    [
        (AGENT, {}, []),
        (AGENT, {"tools": [tool("find"), tool("buy", cache_control=HOUR)]}, ["tool-order"]),
        (AGENT, {"tools": [LATE, tool("find"), tool("extra"), tool("buy")]}, ["tool-order"]),
        (AGENT, {"system": TEXT["text"], "tools": [tool("buy"), tool("find")]}, ["no-breakpoint"]),
        (AGENT, {"tools": [*AGENT["tools"], {**LATE, "cache_control": HOUR}]}, ["refused-shape"]),
        (
            AGENT,
            {"system": [{**TEXT, "cache_control": {"type": "ephemeral"}}]},
            ["ttl-differs"],
        ),
        (CONVERSE, {"toolConfig": {"tools": TOOLS[::-1]}}, ["tool-order"]),
        (CONVERSE, {"system": CONVERSE["system"][:1]}, ["no-breakpoint"]),
        (
            CONVERSE,
            {"system": [CONVERSE["system"][0], {"cachePoint": {"type": "default"}}]},
            ["ttl-differs"],
        ),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_what_has_one_right_answer(
    tmp_path: Path, capsys: Any, agent: Json, change: Json, rules: list[str], inside: bool
) -> None:
    """The corrected request is taken, and reads; one that needs nothing is left as it is."""
    route = "bedrock-converse" if agent is CONVERSE else "anthropic"
    headers = {} if agent is CONVERSE else VERSION
    prefix = make_prefix("x", copy.deepcopy(agent), route=route, headers=headers)
    path = write(prefix, tmp_path)
    request = tmp_path / "request.json"
    body = {**copy.deepcopy(agent), **copy.deepcopy(change)}
    request.write_text(json.dumps({"headers": headers, "body": body} if inside else body))
    before = request.read_bytes()
    arguments = ["check", str(path), "--request", str(request), "--fix", "--json"]
    if "extra" in json.dumps(change):
        # What is behind the shared tools is part of the prompt, too: it is told and not removed.
        assert run(arguments) == 1
        result = json.loads(capsys.readouterr().out)["files"][0]["request"]
        assert (result["drift"]["why"], result["fixed"]) == ("added", rules)
        return
    assert run(arguments) == 0
    result = json.loads(capsys.readouterr().out)["files"][0]["request"]
    assert (result["hit"], result["fixed"]) == (True, rules)
    written = json.loads(request.read_bytes())
    sent = written["body"] if inside else written
    assert refusal(sent, headers, route=route) is None
    assert (request.read_bytes() == before) == (not rules)
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["request"]["fixed"] == []


def test_it_says_so_on_the_screen(tmp_path: Path, capsys: Any) -> None:
    """And leaves text that varies to the agent."""
    path = write(make_prefix("x", copy.deepcopy(AGENT), headers=VERSION), tmp_path)
    request = tmp_path / "request.json"
    varied = {**TEXT, "text": "It is 9:01. " + TEXT["text"]}
    tools = [tool("find"), tool("buy")]
    request.write_text(json.dumps({**AGENT, "tools": tools, "system": [varied]}))
    assert run(["check", str(path), "--request", str(request), "--fix"]) == 1
    out = capsys.readouterr().out
    assert "fixed in the request: tool-order" in out
    assert json.loads(request.read_bytes())["system"] == [varied]
