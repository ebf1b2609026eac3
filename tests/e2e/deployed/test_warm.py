"""The deployed layer and keep-warm function turn the agent's first request into a cache read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from prefixwarm.local.emulator import Environment

if TYPE_CHECKING:
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.measurements import Run
    from prefixwarm.local.stack import DeployedStack

pytestmark = pytest.mark.e2e

STORM = 12


def test_cold_start_without_the_layer_writes_the_prefix(cold: Run) -> None:
    """The comparison is honest: nothing of prefixwarm runs, and the agent writes for itself."""
    first = cold.first_request
    assert first.cache_read_tokens == 0
    assert first.cache_write_tokens > 4000
    assert first.ttft_ms >= 800
    assert (len(cold.warm_calls), cold.cache_writes) == (0, 1)
    assert "prefixwarm" not in cold.answers[0].log.replace("PrefixwarmAgent", "")


def test_layer_makes_the_first_request_read(stack: DeployedStack, cold: Run) -> None:
    """The warm call of the init phase writes what the first request then reads."""
    run = stack.start(stack.agent)
    first = run.first_request
    assert first.cache_read_tokens >= 0.99 * cold.first_request.cache_write_tokens
    assert first.cache_write_tokens == 0
    assert (len(run.warm_calls), run.cache_writes) == (1, 1)
    assert outcome(run.answers[0])["outcome"] == "written"


def test_warm_and_agent_send_the_same_prefix(stack: DeployedStack) -> None:
    """But for its last message, the output and the entry's life, it is the agent's own request."""
    run = stack.start(stack.agent)
    warm, agent = run.requests[0]["body"], run.requests[1]["body"]
    assert warm["max_tokens"] == 0
    # A start writes for five minutes where nothing says that an hour pays.
    assert [block["cache_control"]["ttl"] for block in warm["system"]] == ["5m"]
    assert shared_part(warm) == shared_part(agent)


def shared_part(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what differs from call to call."""
    changed = {"max_tokens", "messages", "stream"}
    text = json.dumps({name: value for name, value in body.items() if name not in changed})
    return cast("dict[str, Any]", json.loads(text.replace('"ttl": "5m"', '"ttl": "1h"')))


def test_many_starts_at_once_make_one_write(stack: DeployedStack, cold: Run) -> None:
    """One environment warms, the others wait for it, and every first request reads."""
    run = stack.start(stack.siblings["Light"], STORM)
    assert (len(run.answers), run.cache_writes, len(run.warm_calls)) == (STORM, 1, 1)
    for answer in run.answers:
        usage = answer.payload["usage"]
        assert usage["cache_read_input_tokens"] == cold.first_request.cache_write_tokens
        assert usage["cache_creation_input_tokens"] == 0


def test_second_start_finds_the_prefix_warm(stack: DeployedStack) -> None:
    """A start on a warm prefix sends nothing."""
    stack.start(stack.agent)
    again = stack.start(stack.agent)
    assert len(again.warm_calls) == 1
    assert again.first_request.cache_write_tokens == 0
    report = outcome(again.answers[0])
    assert (report["outcome"], report["reason"]) == ("skipped", "warm")


def test_keepwarm_function_warms_before_the_agent_starts(stack: DeployedStack, cold: Run) -> None:
    """The first tick writes the prefix; the agent's start then has nothing to do but read."""
    with Environment(stack.keepwarm, tools=stack.tools) as environment:
        tick = environment.invoke({})
    assert "errorMessage" not in str(tick.payload)
    assert len(stack.provider.requests()) == 1
    run = stack.start(stack.agent)
    assert run.first_request.cache_read_tokens == cold.first_request.cache_write_tokens
    assert run.first_request.cache_write_tokens == 0
    assert (len(run.warm_calls), run.cache_writes) == (1, 1)
    assert outcome(run.answers[0])["reason"] == "warm"


def test_second_tick_has_nothing_to_do(stack: DeployedStack) -> None:
    """A prefix that was just written is left alone."""
    with Environment(stack.keepwarm, tools=stack.tools) as environment:
        environment.invoke({})
        environment.invoke({})
    assert len(stack.provider.requests()) == 1


def outcome(answer: Invocation) -> dict[str, Any]:
    """What the extension said about this start."""
    lines = [line for line in answer.log.splitlines() if '"by":"init"' in line]
    (report,) = [json.loads(line) for line in lines]
    return report
