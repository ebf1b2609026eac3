"""boto3's Converse, observed, against the simulated provider: warmed from the file it reads."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from prefixwarm.observe import Observer, Prefix, watch
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.simulator import AwsKey, running
from prefixwarm.state.memory import MemoryState
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from tests.helpers.prefixes import make_prefix
from tests.helpers.warming import warm

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "global.anthropic.claude-sonnet-5-5"
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
TOOL = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
ENVIRON = {
    **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "us-east-1"),
    "AWS_ACCESS_KEY_ID": "AKIDTEST",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def ask(question: str = "hello", **changes: Any) -> Any:
    """What the agent sends, as boto3 takes it."""
    return {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": question}]}],
        "system": [{"text": "You are a helper. " * 400}, POINT],
        "toolConfig": {"tools": [TOOL], "toolChoice": {"auto": {}}},
        "inferenceConfig": {"maxTokens": 50},
        **changes,
    }


class Bench:
    """A provider, a warmer and a watched agent."""

    def __init__(self, sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sim = sim
        self.environ = {**ENVIRON, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": sim.url}
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        self.prefix = make_prefix("support", ask(), route="bedrock-converse")
        self.state = MemoryState()
        self.lines: list[Any] = []
        self.observer = Observer(
            [self.prefix], state=self.state, emit=lambda line: self.lines.append(json.loads(line))
        )
        self.agent = boto3.Session().client("bedrock-runtime")
        watch(self.agent, self.observer)

    @property
    def key(self) -> str:
        """The prefix's state."""
        call = compile_prefix(self.prefix)
        return call.key("default", self.environ)

    def warm(self) -> Any:
        """One warm call, by the signed HTTP of the extension."""
        connections = connect(self.environ)
        ask = CallOptions(key=self.key, owner="warmer", needed_until=time() + 60)
        done = warm(
            compile_prefix(self.prefix), ask, self.state, connections.provider, Deadline.after(60)
        )
        connections.transport.close()
        return done

    def values(self, name: str) -> list[Any]:
        """What the log lines say under a name."""
        assert self.observer.flush(30)
        return [line[name] for line in self.lines if name in line]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """With signatures that are verified."""
    with running(clock="real", aws_keys={"AKIDTEST": AwsKey("secret")}) as sim:
        bench = Bench(sim, monkeypatch)
        yield bench
        bench.agent.close()


def test_what_is_warmed_is_read(bench: Bench) -> None:
    """The first request reads the whole prefix; the warm call cost one token of output."""
    done = bench.warm()
    assert (done.kind, done.max_tokens, done.granted_ttl, done.downgraded) == (
        "written",
        1,
        3600,
        False,
    )
    assert done.usage.output == 1
    assert done.cost_usd == pytest.approx(
        done.usage.write_1h * 4e-6 + 10e-6 + done.usage.input * 2e-6
    )
    usage = bench.agent.converse(**ask())["usage"]
    assert usage["cacheReadInputTokens"] == done.usage.write_1h > 1000
    assert bench.values("result") == ["hit"]
    assert bench.values("AgentReadTokens") == [usage["cacheReadInputTokens"]]
    assert bench.sim.requests()[0]["body"]["inferenceConfig"] == {"maxTokens": 1}
    again = bench.warm()
    assert (again.kind, again.usage) == ("skipped", None)


def test_a_stream_is_passed_on_unchanged(bench: Bench) -> None:
    """And told when its last event came; the other attributes are the stream's own."""
    plain = boto3.Session().client("bedrock-runtime")
    wanted = [next(iter(event)) for event in plain.converse_stream(**ask())["stream"]]
    plain.close()
    reply = bench.agent.converse_stream(**ask())
    kinds = [next(iter(event)) for event in reply["stream"]]
    assert kinds == wanted
    reply["stream"].close()
    assert bench.values("result") == ["hit"]


@pytest.mark.parametrize(
    ("changes", "tier", "place"),
    [
        ({"system": [{"text": "It is noon. "}, POINT]}, "system", "system[0].text:0"),
        (
            {"toolConfig": {"tools": [TOOL, {"toolSpec": {**TOOL["toolSpec"], "name": "buy"}}]}},
            "tools",
            "toolConfig.tools[1]",
        ),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "between_tools"}}},
            "shape",
            "additionalModelRequestFields.thinking",
        ),
    ],
)
def test_drift_names_tier_and_place(
    bench: Bench, changes: dict[str, Any], tier: str, place: str
) -> None:
    """In Converse's own words; whether it streams or not."""
    for send in (bench.agent.converse, bench.agent.converse_stream):
        reply = send(**ask(**changes))
        list(reply.get("stream", ()))
    assert bench.values("result") == ["drift", "drift"]
    assert bench.values("drift") == [tier, tier, tier]
    assert bench.values("place") == [place]


def test_other_requests_are_none_of_it(bench: Bench) -> None:
    """A router's of another model, InvokeModel's, and refused ones."""
    bench.agent.converse(
        modelId="us.anthropic.claude-haiku-4-5-20251001-v1:0",
        messages=[{"role": "user", "content": [{"text": "Which desk is this for?"}]}],
    )
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "hello"}],
    }
    bench.agent.invoke_model(modelId=MODEL, body=json.dumps(body))["body"].read()
    with pytest.raises(bench.agent.exceptions.ValidationException):
        bench.agent.converse(**ask(messages=[]))
    assert bench.values("result") == []


def test_a_downgrade_is_told(bench: Bench) -> None:
    """As Bedrock was seen to do it: 5 minutes for an hour, without an error."""
    bench.sim.switch(downgrade_1h=True)
    done = bench.warm()
    assert (done.kind, done.granted_ttl, done.downgraded) == ("written", 300, True)


def test_a_prefix_in_code_is_what_boto3_takes(bench: Bench) -> None:
    """With a tool and an example."""
    turns = [
        {"role": "user", "content": [{"text": "2+2?"}]},
        {"role": "assistant", "content": [{"text": "4"}]},
    ]
    prefix = Prefix(
        "x",
        model=MODEL,
        route="bedrock-converse",
        tools=[TOOL],
        system="You are a helper. " * 400,
        examples=turns,
    )
    question = [{"role": "user", "content": [{"text": "3+3?"}]}]
    usage = bench.agent.converse(**prefix.request(question, max_tokens=9))["usage"]
    assert usage["cacheDetails"] == [{"ttl": "1h", "inputTokens": usage["cacheWriteInputTokens"]}]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cache_point_is_added_where_it_is_asked_for(bench: Bench, streamed: bool) -> None:
    """An agent without any then reads what is warmed; a request that drifted stays as it is."""
    plain = ask(system=[{"text": "You are a helper. " * 400}])
    written = bench.warm().usage.write_1h
    agent = boto3.Session().client("bedrock-runtime")
    watch(agent, bench.observer, add_breakpoint=True)

    def send(**changes: Any) -> Any:
        if not streamed:
            return agent.converse(**{**plain, **changes})["usage"]
        events = list(agent.converse_stream(**{**plain, **changes})["stream"])
        return events[-1]["metadata"]["usage"]

    assert send()["cacheReadInputTokens"] == written
    assert plain["system"] == [{"text": "You are a helper. " * 400}]
    other = send(system=[{"text": "You are a healer. " * 400}])
    assert (other["cacheReadInputTokens"], other["cacheWriteInputTokens"]) == (0, 0)
    agent.close()
    assert bench.values("result") == ["hit", "drift"]
