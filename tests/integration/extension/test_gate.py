"""A start that is not held: the gate of `prefixwarm.observe` waits for the warm call instead."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from extension_bench import TABLE
from observed_agents import OBSERVED, agent

from prefixwarm.simulator import Latency, running
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extension_bench import Bench


@pytest.fixture
def slow_bench(bench: Bench) -> Iterator[Bench]:
    """A provider that takes longer to write the prefix than the SDK takes to be imported."""
    with running("real", latency=Latency(prefill_rate=1500)) as provider:
        yield replace(bench, provider=provider)


def test_without_a_hold_the_gate_alone_saves_the_second_write(slow_bench: Bench, sdk: Path) -> None:
    """One write in all, and the first request waits until it can read it."""
    env = {"PREFIXWARM_INIT_HOLD_MS": "0", "PREFIXWARM_GATE_MS": "20000"}
    started = slow_bench.start(agent(slow_bench, sdk, OBSERVED, **env))
    usage = started.answer.payload
    warm, asked = slow_bench.provider.requests()
    assert usage["cache_read_input_tokens"] > 5000
    assert usage["cache_creation_input_tokens"] == 0
    assert asked["time"] >= warm["time"] + warm["ttft_ms"] / 1000
    (line,) = started.lines
    assert line["outcome"] == "written"
    assert line["decision"].startswith("the gate waits up to 20.0 s: how long a write takes")
    assert line["held_ms"] <= 500


def test_a_gate_waits_for_another_environments_call_as_well(bench: Bench) -> None:
    """The function goes on at once, and this environment takes the lease when it has ended."""
    bench.start(bench.plain())
    (state,) = bench.states()
    bench.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": state["pk"]}},
        UpdateExpression="SET warm_until = :w, lease_owner = :o, lease_until = :u",
        ExpressionAttributeValues={
            ":w": {"N": "1"},
            ":o": {"S": "somebody else"},
            ":u": {"N": str(time.time() + 100)},
        },
    )
    hold = {"PREFIXWARM_INIT_HOLD_MS": "9000", "PREFIXWARM_GATE_MS": "20000"}

    def log() -> str:
        """Of a start whose table answered within its second; else empty."""
        with bench.environment(bench.plain(**hold)) as environment:
            # Answered while the other call still lasts: held, it would have waited for its end.
            assert environment.invoke({"n": 1}).status == 200
            (state,) = bench.states()
            assert state["lease_owner"] == "somebody else"
            text = environment.close()
        return "" if "the table cannot be reached" in text else text

    ended = '"outcome":"failed","reason":"the environment ended before the reply came"'
    assert ended in until(log, "a table that answers")
    assert len(bench.warm_calls()) == 1


def test_a_gate_that_is_too_short_sends_nothing(bench: Bench) -> None:
    """The line says so."""
    env = {"PREFIXWARM_INIT_HOLD_MS": "0", "PREFIXWARM_GATE_MS": "100"}
    started = bench.start(bench.plain(**env))
    assert started.line["reason"].endswith("the hold is 0, and a gate of 100 ms too short")
    assert bench.warm_calls() == []
