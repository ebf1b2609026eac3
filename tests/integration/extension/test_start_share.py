"""What the init phase spends, by the simulator's bill, over starts hours apart."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest
from extension_bench import TABLE

if TYPE_CHECKING:
    from extension_bench import Bench, Started

    from prefixwarm.local.emulated_function import Function

HOURS = 2 * 3600
TIMES = ("warm_until", "last_touch", "started_at", "init_at", "init_until", "outcome_at")


def later(bench: Bench) -> None:
    """Two hours pass: in the states, whose times move back, and at the provider."""
    for state in bench.items():
        moved = {name: float(state[name]) - HOURS for name in TIMES if name in state}
        bench.dynamodb.update_item(
            TableName=TABLE,
            Key={"pk": {"S": state["pk"]}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in moved),
            ExpressionAttributeValues={f":{name}": {"N": str(at)} for name, at in moved.items()},
        )
    body = json.dumps({"advance": HOURS}).encode()
    urllib.request.urlopen(f"{bench.provider.url}/_sim/clock", data=body).close()


def starts(bench: Bench, function: Function, count: int) -> list[Started]:
    """Cold starts two hours apart, each with one invocation."""
    outcomes = []
    for _ in range(count):
        outcomes.append(bench.start(function))
        later(bench)
    return outcomes


def outcomes(started: list[Started]) -> list[str]:
    """What each start did."""
    return [start.line["outcome"] for start in started]


def test_cold_starts_two_hours_apart_write_for_five_minutes(bench: Bench) -> None:
    """Though the file says an hour: each costs the write that its request is spared, and a read."""
    reached = starts(bench, bench.asking(), 10)
    assert outcomes(reached) == ["written"] * 10
    calls = bench.warm_calls()
    written = [call["usage"]["cache_creation"] for call in calls]
    assert all(one["ephemeral_1h_input_tokens"] == 0 for one in written)
    assert all(one.answer.payload["cache_creation_input_tokens"] == 0 for one in reached)


def test_starts_that_call_no_model_stop_being_warmed(bench: Bench) -> None:
    """At the week's sum; the log says why."""
    (first,) = starts(bench, bench.plain(), 1)
    (state,) = bench.states()
    cost = float(state["spent_usd"])
    left = str(1.0 - cost)
    shared = bench.shared()
    assert float(shared["init_allowance_usd"]) == pytest.approx(float(left))
    bench.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": shared["pk"]}},
        UpdateExpression="SET init_allowance_usd = :left",
        ExpressionAttributeValues={":left": {"N": str(2.5 * cost)}},
    )
    reached = starts(bench, bench.plain(), 4)
    assert outcomes([first, *reached]) == ["written"] * 3 + ["skipped"] * 2
    assert (
        reached[-1].line["reason"].startswith("what starts may spend is used up: a write costs $")
    )
    assert float(bench.states()[0]["spent_usd"]) == pytest.approx(3 * cost)


def test_of_five_prefixes_the_one_that_is_used_is_warmed(bench: Bench) -> None:
    """The one that is named, until requests were seen to use others."""
    names = ["a", "b", "c", "d", "support"]
    function = bench.with_prefixes(bench.asking(PREFIXWARM_FIRST="support"), *names)
    started = bench.start(function)
    assert len(bench.warm_calls()) == 1
    assert started.answer.payload["cache_read_input_tokens"] > 5000
    reasons = {
        line["prefix"]: line["reason"] for line in started.lines if line["prefix"] != "support"
    }
    assert set(reasons.values()) == {
        "no request was seen to use it; before that, support alone is warmed"
    }
