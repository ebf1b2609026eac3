"""A plain boto3 agent on Converse: captured, checked, warmed from the file, and run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from subprocess import DEVNULL
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.capture.recording import record, run
from prefixwarm.cli.command_group import run as cli
from prefixwarm.lint.verdict import judge
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.simulator import running
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.capture.extract import Extracted

# Arguments: what to build the prompt of, as JSON, then the questions.
AGENT = """
import json, sys
import boto3

shape, *questions = sys.argv[1:]
shape = json.loads(shape)
point = [{"cachePoint": {"type": "default", "ttl": "1h"}}] if shape.get("point") else []
tools = [{"toolSpec": {"name": name, "description": "Finds. " * 50, "inputSchema": {"json":
    {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}}}}
    for name in ("find", "buy")]
client = boto3.client("bedrock-runtime")
for number, question in enumerate(questions):
    system = [{"text": "You are a helper. " * 500}]
    if shape.get("dated"):
        system.append({"text": f"It is 2026-11-21T08:00:0{number}. Be kind."})
    turns = [{"role": "user", "content": [{"text": "a" * 3000}]},
             {"role": "assistant", "content": [{"text": "I see."}, *shape.get("end", [])]}]
    messages = turns[: shape.get("turns", 0)]
    request = dict(
        modelId="eu.anthropic.claude-sonnet-5-5",
        system=system + point,
        toolConfig={"tools": tools, "toolChoice": {"auto": {}}},
        inferenceConfig={"maxTokens": 50, "temperature": 1.0},
        additionalModelRequestFields={"thinking": {"type": "adaptive"}},
        messages=[*messages, {"role": "user", "content": [{"text": question}]}],
    )
    if number % 2:
        for event in client.converse_stream(**request)["stream"]:
            if "metadata" in event:
                print(json.dumps(event["metadata"]["usage"]))
    else:
        print(json.dumps(client.converse(**request)["usage"]))
"""
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., list[str]]:
    """The agent's command line for a shape."""
    path = tmp_path / "agent.py"
    path.write_text(AGENT)
    return lambda **shape: [sys.executable, str(path), json.dumps(shape)]


@pytest.fixture
def captured(command: Any) -> Callable[..., Extracted]:
    """Run the agent under capture with two questions; what was found."""

    def capture(**shape: Any) -> Extracted:
        with record() as recording:
            assert run([*command(**shape), "one", "two"], recording, output=DEVNULL) == 0
            (extracted,) = prefixes_from_requests(recording.requests, name="agent")
        assert {request.route for request in recording.requests} == {"bedrock-converse"}
        return extracted

    return capture


def findings(extracted: Extracted) -> list[tuple[str, str]]:
    """Rules and places, but for the doubt that Bedrock grants an hour."""
    every = [(finding.rule.id, finding.place) for finding in extracted.findings]
    return [finding for finding in every if finding != ("one-hour-unsure", "ttl")]


def test_captured_warmed_and_read(
    captured: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Streamed or not, the requests of a new process read all that was warmed."""
    extracted = captured(point=True)
    assert findings(extracted) == []
    path = write(extracted.prefix, tmp_path)
    prefix = load(path)
    assert (prefix.route, prefix.model) == ("bedrock-converse", "eu.anthropic.claude-sonnet-5-5")
    assert prefix.request["inferenceConfig"] == {"maxTokens": 1, "temperature": 1.0}
    assert prefix.tokens["minimum"] == 512
    assert prefix.usd_per_mtok["output"] == 11  # a regional profile costs a tenth more
    with running(clock="manual") as sim:
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", sim.url)
        assert cli(["warm", str(path), "--dry-run", "--json"]) == 0
        (plan,) = json.loads(capsys.readouterr().out)["calls"]
        assert plan["url"].endswith("/model/eu.anthropic.claude-sonnet-5-5/converse")
        for kind, price in (("read", "read"), ("write", "write_1h")):
            cost = plan["tokens"] * prefix.usd_per_mtok[price] + prefix.usd_per_mtok["output"]
            assert plan[f"{kind}_usd"] == pytest.approx(cost / 1e6)
        assert cli(["warm", str(path), "--json"]) == 0
        (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
        assert (outcome["kind"], outcome["max_tokens"]) == ("written", 1)
        asked = [*command(point=True), "three", "four"]
        ran = subprocess.run(asked, env=os.environ, capture_output=True, text=True, check=True)
    usages = [json.loads(line) for line in ran.stdout.splitlines()]
    written = outcome["usage"]["write_1h"]
    assert [u["cacheReadInputTokens"] for u in usages] == [written, written]
    assert written > 2000


def test_without_cache_points_it_says_what_to_add(captured: Any) -> None:
    """As an element behind the last shared block; with it the verdict is clean."""
    extracted = captured()
    assert findings(extracted) == [("no-breakpoint", "system[0]")]
    add = 'add {"cachePoint": {"type": "default", "ttl": "1h"}} after system[0]'
    assert add in extracted.findings[0].message
    assert "watch(client, add_breakpoint=True)" in extracted.findings[0].message
    request = extracted.requests[0].body
    request["system"].append({"cachePoint": {"type": "default", "ttl": "1h"}})
    assert judge(extracted.prefix, request).findings == []


def test_shared_turns_end_with_the_assistants(captured: Any) -> None:
    """Then the placeholder may follow."""
    extracted = captured(turns=2)
    assert [message["role"] for message in extracted.prefix.request["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert extracted.prefix.request["messages"][1]["content"][-1]["cachePoint"]["ttl"] == "1h"


def test_a_date_in_the_prompt_is_named(captured: Any) -> None:
    """With its place in the body, what to do, and what ends before it is warmed."""
    extracted = captured(dated=True, point=True)
    ids = [f.rule.id for f in extracted.findings]
    assert ids[:2] == ["divergence", "varying-breakpoint"]
    assert extracted.findings[0].place == "system[1].text:24"
    assert extracted.findings[0].message.startswith("timestamp")
    assert [list(block) for block in extracted.prefix.request["system"]] == [
        ["text"],
        ["cachePoint"],
    ]
    assert extracted.shared.lost_tokens > 0


BODY = {
    "modelId": "eu.anthropic.claude-sonnet-5-5",
    "system": [{"text": "You are a helper. " * 500}, {"cachePoint": {"type": "default"}}],
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}}]
    },
    "messages": [{"role": "user", "content": [{"text": "hello"}]}],
}


@pytest.fixture
def prefix_path(tmp_path: Path) -> Path:
    """A prefix file of a small agent."""
    return write(make_prefix("x", BODY, route="bedrock-converse"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({}, 0, ""),
        ({"inferenceConfig": {"maxTokens": 9}}, 0, ""),
        ({"outputConfig": {"effort": "low"}}, 1, "outputConfig.effort"),
        ({"additionalModelRequestFields": {"anthropic_beta": ["x"]}}, 1, "anthropic_beta"),
        ({"modelId": "us.anthropic.claude-sonnet-5-5"}, 1, "modelId"),
        ({"system": BODY["system"][:1]}, 1, "no-breakpoint"),
        ({"toolConfig": {"tools": []}}, 1, "toolConfig.tools[0]"),
    ],
)
def test_a_real_request_is_judged(
    prefix_path: Path, tmp_path: Path, capsys: Any, changes: dict[str, Any], code: int, place: str
) -> None:
    """By `check --request`, in Converse's words; as boto3 takes it, or as it was sent."""
    request = {**BODY, **changes}
    sent = tmp_path / "request.json"
    for body in (request, {k: v for k, v in request.items() if k != "modelId"}):
        if place == "modelId" and body is not request:
            continue
        sent.write_text(json.dumps(body))
        assert cli(["check", str(prefix_path), "--request", str(sent)]) == code
        assert place in capsys.readouterr().out


def test_two_requests_are_compared(tmp_path: Path, prefix_path: Path, capsys: Any) -> None:
    """By `diff`: the key order of a schema, and what a miss costs."""
    schema = {"json": {"b": 1, "a": 2}}
    sides = []
    for order in (schema["json"], dict(reversed(schema["json"].items()))):
        tool = {"toolSpec": {"name": "a", "inputSchema": {"json": order}}}
        sides.append(tmp_path / f"{len(sides)}.json")
        sides[-1].write_text(json.dumps({**BODY, "toolConfig": {"tools": [tool]}}))
    assert cli(["diff", *map(str, sides), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (one,) = document["differences"]
    assert (one["place"], one["why"]) == (
        "toolConfig.tools[0].toolSpec.inputSchema.json",
        "key order",
    )
    assert document["miss_usd"] > 0
    assert cli(["diff", str(prefix_path), str(sides[0]), "--json"]) == 1


def test_the_rules_know_converses_places(tmp_path: Path, capsys: Any) -> None:
    """Those that apply; those about headers, versions and zero output are silent."""
    request = {
        **BODY,
        # Sonnet 5.5 refuses a forced tool.
        "modelId": "eu.anthropic.claude-opus-5",
        "toolConfig": {**BODY["toolConfig"], "toolChoice": {"any": {}}},
        "additionalModelRequestFields": {
            "thinking": {"type": "adaptive"},
            "anthropic_beta": ["x-2026"],
        },
        "outputConfig": {"effort": "low"},
        "inferenceConfig": {"temperature": 1.0},
    }
    path = write(make_prefix("x", request, route="bedrock-converse"), tmp_path)
    assert cli(["check", str(path), "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["files"]
    places = {(f["rule"], f["place"]) for f in document["findings"]}
    assert not {rule for rule, _ in places} & {"unwarmable", "refused-shape", "images"}
    assert places >= {
        ("one-hour-unsure", "ttl"),
        ("thinking", "request.additionalModelRequestFields.thinking"),
        ("tool-choice", "request.toolConfig.toolChoice"),
        ("effort", "request.outputConfig.effort"),
        ("betas", "request.additionalModelRequestFields.anthropic_beta"),
    }
