"""Rules 29 to 35: what replies look like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.simulator import Latency, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator
    from tests.integration.simulator.conftest import Api, Json, MakeApi, MakeJson, MakeText


EPHEMERAL = {"type": "ephemeral"}
USER = {"role": "user", "content": "x"}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "units": {"enum": ["metric", "imperial"]},
        "stops": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/stop"}},
    },
    "required": ["city", "days", "units", "stops"],
    "additionalProperties": False,
    "$defs": {
        "stop": {
            "type": "object",
            "properties": {"at": {"type": "number"}},
            "required": ["at"],
            "additionalProperties": False,
        }
    },
}
TOOL = {"name": "travel", "description": "Travels.", "input_schema": SCHEMA}


@pytest.fixture
def client(sim: Simulator) -> Iterator[anthropic.Anthropic]:
    """The real SDK."""
    with anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as client:
        yield client


def test_rule_29_zero_tokens(api: Api, body: MakeJson) -> None:
    reply = api.send(body()).json()
    assert reply["content"] == []
    assert reply["stop_reason"] == "max_tokens"
    assert reply["stop_sequence"] is None
    assert reply["usage"]["output_tokens"] == 0
    assert reply["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] == 2000


def test_rule_29_one_token(api: Api, body: MakeJson) -> None:
    reply = api.send(body(max_tokens=1)).json()
    assert [block["type"] for block in reply["content"]] == ["text"]
    assert reply["content"][0]["text"]
    assert reply["stop_reason"] == "max_tokens"
    assert reply["usage"]["output_tokens"] == 1
    longer = api.send(body(max_tokens=100)).json()
    assert longer["stop_reason"] == "end_turn"
    assert 1 < longer["usage"]["output_tokens"] < 100


FIELDS = {
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation",
    "service_tier",
    "inference_geo",
}


def test_rule_30_usage_is_complete(api: Api, body: MakeJson) -> None:
    usage = api.usage(body())
    assert set(usage) == FIELDS
    assert set(usage["cache_creation"]) == {
        "ephemeral_5m_input_tokens",
        "ephemeral_1h_input_tokens",
    }
    assert api.usage(body(inference_geo="us"))["inference_geo"] == "us"
    fast = api.usage(body(model="claude-opus-5", speed="fast"))
    assert fast["speed"] == "fast"


def test_rule_30_iterations(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(iterations=True)
    usage = api.usage(body(max_tokens=3))
    [iteration] = usage["iterations"]
    assert iteration["type"] == "message"
    for name in ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_creation"):
        assert iteration[name] == usage[name]


@pytest.mark.parametrize("shape", ["null", "missing"])
def test_rule_30_legacy_usage(make_api: MakeApi, body: MakeJson, shape: str) -> None:
    usage = make_api(legacy_usage=shape).usage(body())
    assert usage["cache_creation_input_tokens"] == 2000
    assert usage.get("cache_creation", "missing") == (None if shape == "null" else "missing")


def events(text: str) -> list[dict[str, Any]]:
    """Parse server-sent events and check that their names agree with their types."""
    received = []
    for chunk in text.strip().split("\n\n"):
        name, data = chunk.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        received.append(value)
    return received


def test_rule_31_the_event_sequence(api: Api, body: MakeJson) -> None:
    reply = api.send(body(max_tokens=50, stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    received = events(reply.text)
    kinds = [event["type"] for event in received]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[3:-3]) == {"content_block_delta"}
    start = received[0]["message"]
    assert start["content"] == []
    assert start["stop_reason"] is None
    assert start["usage"]["cache_creation_input_tokens"] == 2000
    assert start["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] == 2000
    assert received[-2]["usage"]["output_tokens"] == len(kinds) - 6


def test_rule_31_time_to_first_token_falls_with_what_is_read(api: Api, body: MakeJson) -> None:
    api.send(body(max_tokens=5, stream=True))
    api.send(body(max_tokens=5, stream=True))
    cold, warm = (request["ttft_ms"] for request in api.sim.requests())
    assert cold == pytest.approx(1000 * (0.35 + 2001 / 20_000), abs=0.01)
    assert warm == pytest.approx(1000 * (0.35 + 1 / 20_000 + 2000 / 500_000), abs=0.01)


def test_rule_31_the_latency_model_is_settable(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(latency=Latency(base=1, prefill_rate=1000, read_rate=4000, output_rate=10))
    start = api.sim.now()
    api.send(body(max_tokens=3))
    assert api.sim.now() - start == pytest.approx(1 + 2.001 + 0.2)
    start = api.sim.now()
    api.send(body(max_tokens=0))
    assert api.sim.now() - start == pytest.approx(1 + 0.001 + 0.5)


def test_rule_31_on_the_real_clock_streams_arrive_in_pieces(
    make_api: MakeApi, body: MakeJson
) -> None:
    api = make_api("real", latency=Latency(base=0.05, output_rate=50))
    url = f"{api.sim.url}/v1/messages"
    request = body(max_tokens=6, stream=True)
    with api.client.stream("POST", url, json=request, headers=api.headers) as reply:
        pieces = [piece for piece in reply.iter_raw() if piece]
    assert len(pieces) >= 5


def test_rule_32_counting_has_no_effect(api: Api, body: MakeJson) -> None:
    path = "/v1/messages/count_tokens"
    assert api.send(body(), path).json() == {"input_tokens": 2001}
    assert api.sim.entries() == []
    api.send(body())
    [before] = api.sim.entries()
    api.sim.advance(50)
    without = {key: value for key, value in body().items() if key != "max_tokens"}
    assert api.send(without, path).status_code == 200
    assert api.sim.entries()[0]["expires_at"] == before["expires_at"]
    assert api.sim.ledger()["total"]["requests"] == 1


def diagnose(
    client: anthropic.Anthropic, previous: str | None, body: MakeJson, **change: Any
) -> tuple[str, Any]:
    """Ask for a diagnosis; returns message id and reason."""
    asked = {"previous_message_id": previous}
    reply = client.messages.create(**body(**change), diagnostics=asked)
    reason = reply.diagnostics.cache_miss_reason if reply.diagnostics else None
    return reply.id, reason


def test_rule_33_without_a_previous_message_there_is_no_diagnosis(
    client: anthropic.Anthropic, api: Api, body: MakeJson
) -> None:
    assert client.messages.create(**body()).diagnostics is None
    name, reason = diagnose(client, None, body)
    assert reason is None
    assert diagnose(client, name, body)[1] is None


CHANGES = [
    ({"model": "claude-opus-4-6", "system": "other"}, "model_changed"),
    ({"tools": [{**TOOL, "name": "other"}], "system": "other"}, "tools_changed"),
    ({"system": "other", "messages": [{"role": "user", "content": "y"}]}, "system_changed"),
    ({"messages": [{"role": "user", "content": "y"}]}, "messages_changed"),
    ({"tool_choice": {"type": "none"}}, "unavailable"),
    ({"output_config": {"effort": "low"}}, "unavailable"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_rule_33_the_first_difference(
    client: anthropic.Anthropic, body: MakeJson, change: Json, reason: str
) -> None:
    name, _ = diagnose(client, None, body, tools=[TOOL])
    received = diagnose(client, name, body, **{"tools": [TOOL], **change})[1]
    assert received.type == reason
    if reason != "unavailable":
        assert received.cache_missed_input_tokens >= 0
    if reason == "model_changed":
        assert received.cache_missed_input_tokens > 2000


def test_rule_33_an_extended_conversation_is_no_difference(
    client: anthropic.Anthropic, body: MakeJson
) -> None:
    name, _ = diagnose(client, None, body)
    longer = [{"role": "user", "content": "warm"}, {"role": "assistant", "content": "a"}, USER]
    assert diagnose(client, name, body, messages=longer)[1] is None
    cut = [{"role": "user", "content": "w"}]
    assert diagnose(client, name, body, messages=cut)[1].type == "messages_changed"


def test_rule_33_unknown_and_foreign_messages_are_not_found(
    make_api: MakeApi, body: MakeJson
) -> None:
    keys = {"a": Principal("o", "w1"), "b": Principal("o", "w2")}
    sim = make_api(keys=keys).sim
    first = anthropic.Anthropic(api_key="a", base_url=sim.url)
    second = anthropic.Anthropic(api_key="b", base_url=sim.url)
    with first, second:
        name, _ = diagnose(first, None, body)
        missing = "previous_message_not_found"
        assert diagnose(second, name, body)[1].type == missing
        assert diagnose(first, "msg_unknown", body)[1].type == missing
        opted_out = first.messages.create(**body()).id
        assert diagnose(first, opted_out, body)[1].type == missing


def test_rule_33_in_streams_it_is_on_message_start(
    client: anthropic.Anthropic, body: MakeJson
) -> None:
    asked = {"previous_message_id": "msg_unknown"}
    with client.messages.stream(**body(max_tokens=5), diagnostics=asked) as stream:
        received = stream.get_final_message()
    assert received.diagnostics.cache_miss_reason.type == "previous_message_not_found"


@pytest.mark.parametrize("downgrade", [True, False])
def test_rule_34_downgrade_1h(
    make_api: MakeApi, body: MakeJson, mark: MakeJson, words: MakeText, downgrade: bool
) -> None:
    api = make_api(downgrade_1h=downgrade)
    split = api.usage(body(system=[mark(words(2000), "1h")]))["cache_creation"]
    shorter, longer = (2000, 0) if downgrade else (0, 2000)
    assert split["ephemeral_5m_input_tokens"] == shorter
    assert split["ephemeral_1h_input_tokens"] == longer
    assert api.sim.entries()[0]["ttl"] == ("5m" if downgrade else "1h")


def test_rule_35_ignore_markers(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(ignore_markers=True)
    assert api.counts(body()) == (0, 0, 2001)
    assert api.counts(body()) == (0, 0, 2001)
    assert api.sim.entries() == []
    api.sim.switch(ignore_markers=False)
    assert api.counts(body()) == (0, 2000, 1)


def test_a_forced_tool_is_used_with_fitting_input(
    client: anthropic.Anthropic, body: MakeJson
) -> None:
    choice = {"type": "tool", "name": "travel"}
    request = body(max_tokens=500, tools=[TOOL], tool_choice=choice)
    reply = client.messages.create(**request)
    assert reply.stop_reason == "tool_use"
    expected = {"city": "simulated", "days": 1, "units": "metric", "stops": [{"at": 1.0}]}
    assert reply.content[0].input == expected
    with client.messages.stream(**request) as stream:
        assert stream.get_final_message().content[0].input == expected


def test_a_structured_output_fits_its_schema(client: anthropic.Anthropic, body: MakeJson) -> None:
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    reply = client.messages.create(**body(max_tokens=500, output_config=wanted))
    assert json.loads(reply.content[0].text)["units"] == "metric"
