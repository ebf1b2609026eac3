"""Converse, driven by boto3's client; refusals that boto3 foresees, over HTTP."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from prefixwarm.simulator import AwsKey, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

MODEL = "eu.anthropic.claude-sonnet-4-6"
BASE = "anthropic.claude-sonnet-4-6"
POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
# 3,000 tokens: over the 2,067 from which the model caches on Bedrock.
PROMPT = {"text": "abcd" * 3000}
TOOL = {
    "toolSpec": {
        "name": "find",
        "description": "Finds an order.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"id": {"type": "integer"}},
                "required": ["id"],
            }
        },
    }
}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator that verifies signatures."""
    with running(clock="manual", aws_keys={"AKIAEXAMPLE": AwsKey("secret")}) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: it reads the service model once."""
    return boto3.Session("AKIAEXAMPLE", "secret", region_name="eu-west-1")


@pytest.fixture
def client(sim: Simulator, session: boto3.Session) -> Iterator[Any]:
    """boto3's own client, as it is."""
    made = session.client(
        "bedrock-runtime", endpoint_url=sim.url, config=Config(retries={"max_attempts": 0})
    )
    yield made
    made.close()


def ask(text: str = "Hello", **changes: Any) -> dict[str, Any]:
    """A request of a small agent."""
    return {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "system": [PROMPT, POINT],
        **changes,
    }


def test_it_writes_then_reads(client: Any, sim: Simulator) -> None:
    """And tells how many tokens, by TTL."""
    first = client.converse(**ask())
    assert first["output"]["message"]["content"] == [{"text": "This is a simulated reply."}]
    assert (first["output"]["message"]["role"], first["stopReason"]) == ("assistant", "end_turn")
    usage = first["usage"]
    assert (usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (0, 3000)
    assert usage["cacheDetails"] == [{"ttl": "5m", "inputTokens": 3000}]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] + 3000
    assert first["metrics"]["latencyMs"] > 0
    second = client.converse(**ask("Something else"))["usage"]
    assert (second["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (3000, 0)
    assert second["cacheDetails"] == []
    assert [r["route"] for r in sim.requests()] == ["bedrock-converse"] * 2


def test_a_stream_tells_the_usage_last(client: Any) -> None:
    """In the events that boto3 parses; its entry is the same."""
    client.converse(**ask(inferenceConfig={"maxTokens": 1}))
    events = list(client.converse_stream(**ask())["stream"])
    kinds = [next(iter(event)) for event in events]
    assert kinds[0] == "messageStart"
    assert kinds[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(kinds[1:-3]) == {"contentBlockDelta"}
    texts = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert "".join(texts) == "This is a simulated reply."
    assert events[-1]["metadata"]["usage"]["cacheReadInputTokens"] == 3000


def test_a_longer_ttl_is_reported_first(client: Any) -> None:
    """Sorted as AWS sorts it."""
    request = ask(system=[PROMPT, HOUR], messages=[user(PROMPT, POINT)])
    details = client.converse(**request)["usage"]["cacheDetails"]
    assert [detail["ttl"] for detail in details] == ["1h", "5m"]


def user(*content: dict[str, Any]) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": list(content)}


def test_an_agent_loops(client: Any, sim: Simulator) -> None:
    """Called tools, their results, and the whole conversation behind the same prefix."""
    sim.switch(call_tools=True)
    config = {"tools": [TOOL, POINT]}
    messages = [user({"text": "Where is 7?"})]
    first = client.converse(**ask(messages=messages, toolConfig=config))
    assert first["stopReason"] == "tool_use"
    use = first["output"]["message"]["content"][0]["toolUse"]
    assert (use["name"], use["input"]) == ("find", {"id": 1})
    result = {"toolUseId": use["toolUseId"], "content": [{"json": {"at": "sea"}}]}
    messages += [first["output"]["message"], user({"toolResult": {**result, "status": "success"}})]
    second = client.converse(**ask(messages=messages, toolConfig=config))
    assert second["stopReason"] == "end_turn"
    assert second["usage"]["cacheReadInputTokens"] >= 3000


def test_a_forced_tool_is_streamed(client: Any) -> None:
    """Its input comes in pieces of JSON."""
    config = {"tools": [TOOL], "toolChoice": {"tool": {"name": "find"}}}
    events = list(client.converse_stream(**ask(toolConfig=config))["stream"])
    starts = [e["contentBlockStart"] for e in events if "contentBlockStart" in e]
    assert starts[0]["start"]["toolUse"]["name"] == "find"
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    assert json.loads("".join(d["toolUse"]["input"] for d in deltas)) == {"id": 1}


def test_every_block_that_claude_takes(client: Any) -> None:
    """In the order in which a conversation has them."""
    pdf = {"name": "d", "format": "pdf", "source": {"bytes": b"x"}}
    csv = {"name": "c", "format": "csv", "source": {"bytes": b"x"}}
    search = {"source": "s", "title": "t", "content": [{"text": "a"}]}
    use = {"toolUseId": "t1", "name": "find", "input": {}}
    messages = [
        user({"text": "a"}, {"image": {"format": "png", "source": {"bytes": b"x"}}}, POINT),
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                {"reasoningContent": {"redactedContent": b"x"}},
                {"citationsContent": {"content": [{"text": "said"}]}},
                {"toolUse": use},
            ],
        },
        user(
            {
                "toolResult": {
                    "toolUseId": "t1",
                    "content": [{"text": "x"}, {"searchResult": search}],
                }
            }
        ),
        {"role": "assistant", "content": [{"text": "b"}]},
        user(
            {"document": csv},
            {"document": pdf},
            POINT,
            {"guardContent": {"text": {"text": "c"}}},
            {"searchResult": search},
        ),
    ]
    reply = client.converse(**ask(messages=messages, toolConfig={"tools": [TOOL]}))
    assert reply["usage"]["cacheWriteInputTokens"] > 3000


def test_fields_of_the_model_reach_it(client: Any) -> None:
    """Thinking and betas are part of the key; what it does not know, it refuses."""
    client.converse(**ask())
    for added in ({"thinking": {"type": "adaptive"}}, {"anthropic_beta": ["x-2026-01-01"]}):
        reply = client.converse(**ask(additionalModelRequestFields=added))
        assert reply["usage"]["cacheReadInputTokens"] == 0
    effort = client.converse(**ask(outputConfig={"effort": "low"}))
    assert effort["usage"]["cacheReadInputTokens"] == 0
    with pytest.raises(client.exceptions.ValidationException, match="returned the following"):
        client.converse(**ask(additionalModelRequestFields={"lunch": 1}))
    with pytest.raises(client.exceptions.ValidationException, match="conflicts"):
        client.converse(**ask(additionalModelRequestFields={"system": "x"}))


def test_structured_output(client: Any) -> None:
    """The schema comes as a text."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    reply = client.converse(**ask(outputConfig={"textFormat": wanted}))
    assert json.loads(reply["output"]["message"]["content"][0]["text"]) == {"n": 1}
    wanted["structure"]["jsonSchema"]["schema"] = "{"
    with pytest.raises(client.exceptions.ValidationException, match="is not JSON"):
        client.converse(**ask(outputConfig={"textFormat": wanted}))


def test_entries_are_converses_own(client: Any, sim: Simulator) -> None:
    """A warm call by InvokeModel is not counted on, unless the switch says so."""
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "warm"}],
        "system": [{"type": "text", **PROMPT, "cache_control": {"type": "ephemeral"}}],
    }

    def read_after_invoke(shared: bool) -> int:
        sim.reset()
        sim.switch(share_converse=shared)
        client.invoke_model(modelId=MODEL, body=json.dumps(body))["body"].read()
        return int(client.converse(**ask())["usage"]["cacheReadInputTokens"])

    assert read_after_invoke(shared=False) == 0
    assert read_after_invoke(shared=True) == 3000


def test_older_replies_have_no_details(client: Any, sim: Simulator) -> None:
    """Neither the list nor null must surprise a client."""
    for setting in ("missing", "null"):
        sim.switch(legacy_usage=setting)
        assert "cacheDetails" not in client.converse(**ask())["usage"]


REFUSED = {
    "five cache points": (
        {"system": [PROMPT, POINT], "messages": [user(*[PROMPT, POINT] * 4)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5",
    ),
    "a longer TTL later": (
        {"messages": [user(PROMPT, HOUR)]},
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
    ),
    "a cache point first": (
        {"messages": [user(POINT, {"text": "a"})]},
        "There is nothing available to cache",
    ),
    "two cache points": ({"system": [PROMPT, POINT, POINT]}, "There is nothing available to cache"),
    "a cache point behind reasoning": (
        {
            "messages": [
                user({"text": "a"}),
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "a", "signature": "s"}}},
                        POINT,
                    ],
                },
                user({"text": "a"}),
            ]
        },
        "Cache point cannot be inserted after reasoning block",
    ),
    "a cache point behind a table": (
        {
            "messages": [
                user(
                    {"text": "a"},
                    {"document": {"format": "csv", "name": "d", "source": {"bytes": b"x"}}},
                    POINT,
                )
            ]
        },
        "messages.0.content.2.type: Field required",
    ),
    "blank text": ({"messages": [user({"text": " "})]}, "ContentBlock object at messages.0"),
    "no messages": ({"messages": []}, "at least one message is required"),
    "an assistant first": (
        {"messages": [{"role": "assistant", "content": [{"text": "a"}]}]},
        "must start with a user message",
    ),
    "two users": (
        {"messages": [user({"text": "a"}), user({"text": "b"})]},
        "must alternate between user and assistant roles",
    ),
    "tools unknown": (
        {"messages": [user({"toolResult": {"toolUseId": "t", "content": [{"text": "a"}]}})]},
        "The toolConfig field must be defined",
    ),
    "a result of no use": (
        {
            "toolConfig": {"tools": [TOOL]},
            "messages": [user({"toolResult": {"toolUseId": "t", "content": [{"text": "a"}]}})],
        },
        "The model returned the following errors: messages.0: unexpected `tool_use_id`",
    ),
    "a video": (
        {
            "messages": [
                user({"video": {"format": "mp4", "source": {"bytes": b"x"}}}),
            ]
        },
        "doesn't support the video content block",
    ),
    "Nova's tools": ({"toolConfig": {"tools": [{"systemTool": {"name": "a"}}]}}, "system tool"),
    "a bare model id": ({"modelId": BASE}, "on-demand throughput isn't supported"),
    "another latency": ({"performanceConfig": {"latency": "optimized"}}, "is not supported for"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(client: Any, what: str) -> None:
    """In AWS's words; nothing is written."""
    changes, words = REFUSED[what]
    with pytest.raises(client.exceptions.ValidationException) as raised:
        client.converse(**ask(**changes))
    assert words in str(raised.value)
    assert client.converse(**ask())["usage"]["cacheReadInputTokens"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inferenceConfig": {"maxTokens": 0}}, "greater than or equal to 1"),
        ({"inferenceConfig": {"maxTokens": "7"}}, "cannot be converted to integer"),
        ({"inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
        ({"lunch": 1}, "extraneous key [lunch] is not permitted"),
        ({"model": "x"}, "extraneous key [model]"),
        ({"system": [{"text": "a", "cachePoint": {"type": "default"}}]}, "can only set one"),
        ({"system": [{}]}, "must set one of the following keys: text"),
        ({"system": [{"cachePoint": {"type": "ephemeral"}}]}, "enum value set: [default]"),
        ({"system": [{"cachePoint": {"type": "default", "ttl": "2h"}}]}, "[5m, 1h]"),
        ({"system": [{"cachePoint": {}}]}, "'system.1.member.cachePoint.type'"),
        ({"system": "text"}, "cannot be converted to list"),
        ({"toolConfig": {"tools": []}}, "length greater than or equal to 1"),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}},
            "'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint",
        ),
    ],
)
def test_what_boto3_foresees(changes: dict[str, Any], words: str) -> None:
    """By the service model, for clients that do not."""
    sent = {name: value for name, value in ask(**changes).items() if name != "modelId"}
    with running(clock="manual") as sim:
        reply = httpx2.post(
            f"{sim.url}/model/{MODEL}/converse",
            json=sent,
            headers={"authorization": "Bearer key"},
        )
    assert reply.status_code == 400
    assert words in reply.json()["message"]


def test_credentials_models_and_faults(client: Any, sim: Simulator) -> None:
    """As InvokeModel has them."""
    stranger = boto3.Session("AKIAEXAMPLE", "other", region_name="eu-west-1").client(
        "bedrock-runtime", endpoint_url=sim.url, config=Config(retries={"max_attempts": 0})
    )
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.converse(**ask())
    stranger.close()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.converse(**ask(modelId="us.anthropic.claude-nothing-9"))
    sim.inject(status=429, count=1)
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse_stream(**ask())


def test_tokens_are_counted(client: Any) -> None:
    """Of either body, for base models only; the sum is what a request is billed."""
    request = {name: value for name, value in ask().items() if name != "modelId"}
    usage = client.converse(**ask())["usage"]
    counted = client.count_tokens(modelId=BASE, input={"converse": request})
    assert counted["inputTokens"] == usage["inputTokens"] + usage["cacheWriteInputTokens"]
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "abcd"}],
    }
    raw = {"invokeModel": {"body": json.dumps(body)}}
    assert client.count_tokens(modelId=BASE, input=raw)["inputTokens"] == 1
    with pytest.raises(client.exceptions.ValidationException, match="support counting tokens"):
        client.count_tokens(modelId=MODEL, input={"converse": request})
    for wrong in ({"invokeModel": {"body": "no JSON"}}, {"invokeModel": {"body": "[]"}}):
        with pytest.raises(client.exceptions.ValidationException):
            client.count_tokens(modelId=BASE, input=wrong)


def test_the_table_is_aws_own() -> None:
    """Every field and limit that is checked is botocore's; a newer botocore may know more."""
    text = files("prefixwarm.simulator").joinpath("converse-shapes.json").read_text("utf-8")
    shapes = Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]
    for name, ours in json.loads(text).items():
        theirs = shapes.get(name)
        if theirs is None:
            continue
        assert ours["type"] == theirs["type"]
        for limit in ("min", "max", "union"):
            assert ours.get(limit) == theirs.get(limit), name
        for field, inner in theirs.get("members", {}).items():
            in_path = "location" in inner
            assert in_path or ours["members"].get(field) == inner["shape"], f"{name}.{field}"
    wanted = shapes["ConverseRequest"]["members"].keys() - {"modelId"}
    assert json.loads(text)["ConverseRequest"]["members"].keys() >= wanted
