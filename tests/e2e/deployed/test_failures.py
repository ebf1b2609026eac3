"""With a part of the world unreachable: the agent is as without the layer, keep-warm is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.emulator import Environment
from prefixwarm.local.simulated_provider import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.stack import DeployedStack

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


@pytest.fixture(scope="module")
def without_layer(deployed: DeployedStack) -> Callable[[str], tuple[Invocation, int]]:
    """The bare agent's answer with this part broken, and how many requests it sent.

    Only a provider out of reach is part of its world; otherwise it starts once.
    """
    answers: dict[str, tuple[Invocation, int]] = {}

    def answer(name: str) -> tuple[Invocation, int]:
        url = BROKEN[name].get("ANTHROPIC_BASE_URL", "")
        if url not in answers:
            deployed.clear()
            own = {"ANTHROPIC_BASE_URL": url} if url else {}
            bare = deployed.agent.without_layers().having(**own)
            first = first_answer(deployed, bare)
            answers[url] = first, len(deployed.provider.requests())
        return answers[url]

    return answer


@pytest.mark.parametrize("name", BROKEN)
def test_agent_answers_as_without_the_layer(
    stack: DeployedStack, without_layer: Callable[[str], tuple[Invocation, int]], name: str
) -> None:
    """Whatever breaks, the agent's answer is the one it gives without prefixwarm."""
    agent = stack.agent.having(**BROKEN[name])
    without, sent = without_layer(name)
    stack.clear()
    answer = first_answer(stack, agent)
    assert answered(answer) == answered(without)
    assert len(stack.provider.requests()) == sent
    assert log_lines(answer)


@pytest.mark.parametrize("name", STOPS_KEEPWARM)
def test_keepwarm_function_sends_nothing_and_says_why(stack: DeployedStack, name: str) -> None:
    """Without state there is no budget and no lease, without a key no call."""
    with Environment(stack.keepwarm.having(**BROKEN[name]), tools=stack.tools) as environment:
        tick = environment.invoke({})
    assert stack.provider.requests() == []
    assert log_lines(tick)


@pytest.mark.parametrize("fault", [{"status": 529}, {"kind": "reset"}])
def test_refused_warm_call_leaves_the_agent_alone(
    stack: DeployedStack, fault: dict[str, Any]
) -> None:
    """A provider that fails the warm call gets the agent's own request as if nothing had been."""
    stack.provider.inject(**fault, match={"warm": True})
    answer = first_answer(stack, stack.siblings["Light"])
    assert answer.payload["usage"]["cache_creation_input_tokens"] > 0
    assert answer.payload["reply"]


def test_disabled_layer_sends_nothing(stack: DeployedStack) -> None:
    """One variable stops the layer without a new deployment, and never the agent."""
    run = stack.start(stack.agent.having(PREFIXWARM_DISABLED="1"))
    assert run.first_request.cache_write_tokens > 0
    assert run.warm_calls == []


def test_agent_without_network_of_its_own_still_starts(stack: DeployedStack) -> None:
    """In a VPC without a way out the layer gives up quickly and the function runs."""
    light = stack.siblings["Light"].having(ANTHROPIC_API_KEY=KEY)
    with Environment(light, tools=stack.tools, network=False) as environment:
        answer = environment.invoke({"message": "anyone there?"})
    assert answer.init_ms is not None
    assert "urlopen error" in answer.payload["errorMessage"]


def first_answer(stack: DeployedStack, function: Function) -> Invocation:
    """Start one environment and ask it."""
    with Environment(function, tools=stack.tools) as environment:
        return environment.invoke({"message": "Where is my order 4711?"})


def answered(answer: Invocation) -> dict[str, Any]:
    """The answer without what differs between any two calls."""
    varying = ("ttft_ms", "message_id", "requestId")
    return {name: value for name, value in answer.payload.items() if name not in varying}


def log_lines(answer: Invocation) -> list[str]:
    """Lines that name what went wrong."""
    words = ("cannot be reached", "no-such", "PREFIXWARM_INIT", "refused", "connect")
    return [line for line in answer.log.splitlines() if any(word in line for word in words)]
