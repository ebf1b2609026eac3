"""The provider's cache diagnostics on what is warmed, asked for by a real client."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from prefixwarm.observe import middleware
from prefixwarm.wire.deadline import Deadline


@pytest.fixture
def warmed(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fleet whose warm call opted in."""
    monkeypatch.setenv("PREFIXWARM_DIAGNOSE", "sample")
    running = fleet(sampled=True)
    assert running.warm().ok
    return running


def reported(fleet: Any, observer: Any) -> tuple[list[str], list[str]]:
    """The verdicts, and the results."""
    assert observer.flush(30)
    verdicts = [line["diagnosis"] for line in fleet.lines if "diagnosis" in line]
    return verdicts, [line["result"] for line in fleet.lines if "result" in line]


def named(fleet: Any) -> list[Any]:
    """What each request said of diagnostics."""
    return [request["body"].get("diagnostics") for request in fleet.simulator.requests()]


def test_the_first_request_names_the_warm_call(warmed: Any, make_request: Any) -> None:
    """Only the placeholder differs, as expected; further requests are sent as they are."""
    observer = warmed.observer()
    sent = make_request()
    for _ in "ab":
        warmed.agent(observer).messages.create(**sent)
    message_id = warmed.state.read(warmed.key, Deadline.after(60)).last_call.message_id
    assert message_id.startswith("msg_")
    asked = {"previous_message_id": message_id}
    assert named(warmed) == [{"previous_message_id": None}, asked, None]
    assert reported(warmed, observer) == (["messages_changed"], ["hit", "hit"])
    (line,) = [line for line in warmed.lines if "diagnosis" in line]
    assert (line["AgentDiagnosed"], line["warm_message_id"]) == (1, message_id)
    assert "level" not in line
    assert sent == make_request()


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"system": "You are a healer. " * 400}, "system_changed"),
        ({"tools": [{"name": "find", "input_schema": {"type": "object"}}]}, "tools_changed"),
    ],
)
def test_drift_is_confirmed(
    warmed: Any, make_request: Any, changes: dict[str, Any], verdict: str
) -> None:
    """With a warning."""
    observer = warmed.observer()
    warmed.agent(observer).messages.create(**make_request(**changes))
    assert reported(warmed, observer) == ([verdict], ["drift"])
    assert [line.get("level") for line in warmed.lines if "diagnosis" in line] == ["WARNING"]


def test_drift_that_only_the_provider_sees(warmed: Any, make_request: Any) -> None:
    """The request's own shape is changed on its way, after our comparison."""

    def meddle(request: Any, call_next: Any) -> Any:
        return call_next(request.copy(body={**request.json, "system": "You are a healer. " * 400}))

    observer = warmed.observer()
    chain = [middleware(observer), meddle]
    agent = warmed.agent(observer).with_options(middleware=chain)
    agent.messages.create(**make_request())
    assert reported(warmed, observer) == (["system_changed"], ["drift"])
    state = warmed.state.read(warmed.key, Deadline.after(60))
    assert (state.traffic.drift_tier, state.traffic.matched_at) == ("system", None)


def test_streams_and_asynchronous_clients(warmed: Any, make_request: Any) -> None:
    """An environment each."""
    streaming = warmed.observer()
    with warmed.agent(streaming).messages.stream(**make_request()) as stream:
        assert stream.get_final_message().usage.cache_read_input_tokens
    observer = warmed.observer()

    async def talk() -> None:
        async with warmed.async_agent(observer) as agent:
            await agent.messages.create(**make_request())

    asyncio.run(talk())
    assert streaming.flush(30)
    assert reported(warmed, observer) == (["messages_changed"] * 2, ["hit"] * 2)


def test_a_warm_call_that_did_not_opt_in(
    fleet: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider says so; nothing is called drift."""
    monkeypatch.setenv("PREFIXWARM_DIAGNOSE", "sample")
    plain = fleet()
    assert plain.warm().ok
    observer = plain.observer()
    plain.agent(observer).messages.create(**make_request())
    assert reported(plain, observer) == (["previous_message_not_found"], ["hit"])


def test_nothing_is_asked_by_default(fleet: Any, make_request: Any) -> None:
    """Neither by the warm call nor by the agent."""
    plain = fleet()
    assert plain.warm().ok
    observer = plain.observer()
    for _ in "ab":
        plain.agent(observer).messages.create(**make_request())
        assert observer.flush(30)
    assert named(plain) == [None] * 3
    assert reported(plain, observer) == ([], ["hit", "hit"])


@pytest.mark.parametrize("kind", ["create", "stream", "raw", "async"])
def test_a_refused_question_is_not_the_agents(warmed: Any, make_request: Any, kind: str) -> None:
    """The request is sent again as it was; the environment asks no more."""
    warmed.simulator.inject(status=400, match={"contains": '"previous_message_id":"msg_'})
    observer = warmed.observer()
    agent = warmed.agent(observer)

    async def talk() -> None:
        async with warmed.async_agent(observer) as client:
            await client.messages.create(**make_request())

    if kind == "async":
        asyncio.run(talk())
    elif kind == "stream":
        with agent.messages.stream(**make_request()) as stream:
            assert stream.get_final_message().usage.cache_read_input_tokens
    elif kind == "raw":
        with agent.messages.with_streaming_response.create(**make_request()) as response:
            assert b'"usage"' in response.read()
    else:
        assert agent.messages.create(**make_request()).usage.cache_read_input_tokens
    agent.messages.create(**make_request())
    _, first, again, next_one = [(r["status"], r["body"]) for r in warmed.simulator.requests()]
    assert [status for status, _ in (first, again, next_one)] == [400, 200, 200]
    assert "diagnostics" not in again[1]
    assert {**again[1], "diagnostics": first[1]["diagnostics"]} == first[1]
    assert "diagnostics" not in next_one[1]
    assert reported(warmed, observer) == ([], ["hit"] * 2)


def test_a_400_of_the_agents_own_stays(warmed: Any, make_request: Any) -> None:
    """Asked or not, its request is wrong, and it is told so."""
    observer = warmed.observer()
    agent = warmed.agent(observer)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        agent.messages.create(**make_request(max_tokens=-1))
    assert reported(warmed, observer) == ([], [])
