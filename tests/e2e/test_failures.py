"""With a part of the world unreachable: the agent is as without the layer, keep-warm is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.emulator import Environment
from prefixwarm.local.simulated_provider import KEY

if TYPE_CHECKING:
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.function import Function
    from prefixwarm.local.stack import World

pytestmark = pytest.mark.e2e

# Nothing listens on the discard port.
NOWHERE = "http://127.0.0.1:9"

BROKEN = {
    "table unreachable": {"AWS_ENDPOINT_URL_DYNAMODB": NOWHERE},
    "table missing": {"PREFIXWARM_TABLE": "no-such-table"},
    "secret missing": {"PREFIXWARM_API_KEY_SECRET": "no-such-secret"},
    "provider unreachable": {"ANTHROPIC_BASE_URL": NOWHERE},
    "setting misspelt": {"PREFIXWARM_INIT": "sometimes"},
}
STOPS_KEEPWARM = [name for name in BROKEN if name != "setting misspelt"]


@pytest.mark.parametrize("name", BROKEN)
def test_agent_answers_as_without_the_layer(world: World, name: str) -> None:
    """Whatever breaks, the agent's answer is the one it gives without prefixwarm."""
    agent = world.agent.having(**BROKEN[name])
    without = first_answer(world, agent.without_layers())
    sent = len(world.provider.requests())
    world.clear()
    answer = first_answer(world, agent)
    assert told(answer) == told(without)
    assert len(world.provider.requests()) == sent
    assert said(answer)


@pytest.mark.parametrize("name", STOPS_KEEPWARM)
def test_keepwarm_function_sends_nothing_and_says_why(world: World, name: str) -> None:
    """Without state there is no budget and no lease, without a key no call."""
    with Environment(world.keepwarm.having(**BROKEN[name]), tools=world.tools) as environment:
        tick = environment.invoke({})
    assert world.provider.requests() == []
    assert said(tick)


@pytest.mark.parametrize("fault", [{"status": 529}, {"kind": "reset"}])
def test_refused_warm_call_leaves_the_agent_alone(world: World, fault: dict[str, Any]) -> None:
    """A provider that fails the warm call gets the agent's own request as if nothing had been."""
    world.provider.inject(**fault, match={"warm": True})
    answer = first_answer(world, world.light)
    assert answer.payload["usage"]["cache_creation_input_tokens"] > 0
    assert answer.payload["reply"]


def test_disabled_layer_sends_nothing(world: World) -> None:
    """One variable stops the layer without a new deployment, and never the agent."""
    run = world.start(world.agent.having(PREFIXWARM_DISABLED="1"))
    assert run.first_request.cache_write_tokens > 0
    assert run.warm_calls == []


def test_agent_without_network_of_its_own_still_starts(world: World) -> None:
    """In a VPC without a way out the layer gives up quickly and the function runs."""
    light = world.light.having(ANTHROPIC_API_KEY=KEY)
    with Environment(light, tools=world.tools, network=False) as environment:
        answer = environment.invoke({"message": "anyone there?"})
    assert answer.init_ms is not None
    assert "urlopen error" in answer.payload["errorMessage"]


def first_answer(world: World, function: Function) -> Invocation:
    """Start one environment and ask it."""
    with Environment(function, tools=world.tools) as environment:
        return environment.invoke({"message": "Where is my order 4711?"})


def told(answer: Invocation) -> dict[str, Any]:
    """The answer without what differs between any two calls."""
    varying = ("ttft_ms", "message_id", "requestId")
    return {name: value for name, value in answer.payload.items() if name not in varying}


def said(answer: Invocation) -> list[str]:
    """Lines that name what went wrong."""
    words = ("cannot be reached", "no-such", "PREFIXWARM_INIT", "refused", "connect")
    return [line for line in answer.log.splitlines() if any(word in line for word in words)]
