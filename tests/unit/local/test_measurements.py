"""How runs become the lines of the demo's table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefixwarm.local.demo_table import as_json, as_table
from prefixwarm.local.emulator import Invocation
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.measurements import Run, Scenario


def answer(number: int, *, ttft_ms: float, read: int = 0, written: int = 0) -> Invocation:
    """What the agent returns."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    payload = {"ttft_ms": ttft_ms, "usage": usage, "message_id": f"msg_{number}"}
    return Invocation(payload, 200, 100.0 + number, "")


def request(number: int, *, written: int = 0, cost: float = 0.5, warm: bool = False) -> Any:
    """What the provider recorded."""
    usage = {"cache_creation_input_tokens": written}
    return {"message_id": f"msg_{number}", "usage": usage, "cost_usd": cost, "warm": warm}


def test_storm_is_the_mean_over_environments_and_counts_every_write() -> None:
    """Writes of the agents themselves count as much as the warm call's."""
    run = Run(
        [answer(1, ttft_ms=100, written=9), answer(2, ttft_ms=300, read=9)],
        [request(1, written=9), request(2, cost=0.1), request(3, written=9, warm=True)],
    )
    scenario = Scenario.of("storm", [run], without_layer_ms=91.5)
    assert scenario.environments == 2
    assert scenario.first_request.ttft_ms == 200
    assert scenario.first_request.cost_usd == pytest.approx(0.3)
    assert (scenario.warm_calls, scenario.warm_cost_usd, scenario.cache_writes) == (1, 0.5, 2)
    assert (scenario.init_ms, scenario.added_init_ms) == (101.5, 10.0)


def test_repeated_scenario_is_its_run_with_the_median_wait() -> None:
    """The numbers of one line belong to one run; init phases are medians of all."""
    runs = [
        Run([answer(number, ttft_ms=wait)], [request(number, cost=number)])
        for number, wait in [(1, 900.0), (2, 300.0), (3, 400.0)]
    ]
    scenario = Scenario.of("cold", runs, without_layer_ms=102.0)
    assert scenario.first_request.ttft_ms == 400
    assert scenario.first_request.cost_usd == 3
    assert scenario.init_ms == 102
    assert scenario.added_init_ms == 0


def test_failed_agent_is_no_measurement() -> None:
    """An error object is not taken for an answer."""
    failed = Invocation({"errorMessage": "no key"}, 200, 5.0, "")
    with pytest.raises(LocalCloudError, match="no key"):
        Scenario.of("cold", [Run([failed], [])], without_layer_ms=0)


def test_json_has_the_documented_keys() -> None:
    """Machines read these keys."""
    run = Run([answer(1, ttft_ms=1.5, read=7)], [request(1)])
    document = json.loads(as_json([Scenario.of("layer", [run], without_layer_ms=1)]))
    assert list(document) == ["scenarios", "versions"]
    (scenario,) = document["scenarios"]
    assert scenario == {
        "name": "layer",
        "environments": 1,
        "first_request": {
            "ttft_ms": 1.5,
            "cache_read_tokens": 7,
            "cache_write_tokens": 0,
            "input_tokens": 10,
            "cost_usd": 0.5,
        },
        "warm_calls": 0,
        "warm_cost_usd": 0,
        "cache_writes": 0,
        "init_ms": 101,
        "added_init_ms": 100,
    }


def test_table_lines_are_aligned() -> None:
    """Every line is as wide as the head, and the latency model is below."""
    run = Run([answer(1, ttft_ms=1234.5, written=7000)], [request(1, written=7000)])
    table, notes = as_table([Scenario.of("cold", [run], without_layer_ms=101)]).split("\n\n")
    lines = table.splitlines()
    assert "simulated first token" in notes
    assert len({len(line) for line in lines}) == 1
    assert "1,234 ms" in lines[1]
