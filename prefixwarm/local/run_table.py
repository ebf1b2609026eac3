"""Describes a measured run in a table and in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.measured_run import MeasuredRun, Scenario
    from prefixwarm.simulator import Latency


# To leave out on a narrow terminal, in this order.
LEAST_IMPORTANT = ("cache writes", "starts", "init", "held at most", "added init", "written")


def latency_model(latency: Latency) -> str:
    """One line with the simulated provider's latency model."""
    return (
        f"simulated first token: {latency.base:g} s + uncached tokens / {latency.prefill_rate:,.0f}"
        f" per s + read tokens / {latency.read_rate:,.0f} per s"
    )


def rows(run: MeasuredRun) -> list[dict[str, str]]:
    """Cells by column, a row for each scenario."""
    return [_row(scenario, run.machine.busy) for scenario in run.scenarios]


def summary(scenario: Scenario) -> str:
    """One line about a scenario, as soon as it is measured."""
    first = scenario.first_request
    return (
        f"{scenario.name}: first token after {first.ttft_ms:,.0f} ms, "
        f"{first.cache_read_tokens:,} tokens read and {first.cache_write_tokens:,} written "
        f"for {dollars(first.cost_usd)}"
    )


def _row(scenario: Scenario, busy: bool) -> dict[str, str]:
    first = scenario.first_request
    return {
        "scenario": scenario.name,
        "starts": str(scenario.environments),
        "first token": f"{first.ttft_ms:,.0f} ms",
        "read": f"{first.cache_read_tokens:,}",
        "written": f"{first.cache_write_tokens:,}",
        "first request": dollars(first.cost_usd),
        "warm calls": str(scenario.warm_calls),
        "their cost": dollars(scenario.warm_cost_usd),
        "cache writes": str(scenario.cache_writes),
        # A busy machine has no init phases worth showing; what the provider takes depends on none.
        **({"held at most": _held(scenario)} if busy else _init(scenario)),
    }


def _init(scenario: Scenario) -> dict[str, str]:
    shortest, longest = scenario.init_range_ms
    several = len(scenario.rounds) > 1
    spread = f" ({shortest:,.0f} to {longest:,.0f})" if several else ""
    return {
        "init": f"{scenario.init_ms:,.0f} ms{spread}",
        "added init": f"{scenario.added_init_ms:+,.0f} ms",
    }


def _held(scenario: Scenario) -> str:
    """How long the warm calls of init phases took at the provider."""
    times = [
        call.ended_ms - call.began_ms
        for round_ in scenario.rounds
        for call in round_.calls
        if call.by == "init" and call.ended_ms is not None
    ]
    return f"{max(times):,.0f} ms" if times else "-"


def notes(run: MeasuredRun) -> Iterator[str]:
    """Lines below the table."""
    machine = run.machine
    yield "first token, read, written: wait and cache tokens of an environment's first request"
    if machine.busy:
        yield (
            f"other programs used {machine.busy_cores:.1f} of this machine's {machine.cores} cores:"
            " init phases would mislead and are in --json alone"
        )
        yield "held at most: how long the init phase's warm call took at the provider"
    else:
        yield "added init: against the same function without the layer"
    if any(scenario.environments > 1 for scenario in run.scenarios):
        yield (
            "storm: means and medians of all starts, which share this machine's "
            f"{machine.cores} cores"
        )
    yield latency_model(run.latency)
