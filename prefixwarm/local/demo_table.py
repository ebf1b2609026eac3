"""A measured run as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.measured_run import MeasuredRun, ProviderLatency, Scenario


_COLUMNS = (
    "scenario",
    "starts",
    "first token",
    "read",
    "written",
    "first request",
    "warm calls",
    "their cost",
    "cache writes",
    "init",
    "added init",
)


_NOTES = (
    "first token, read, written: wait and cache tokens of an environment's first request\n"
    "added init: against the same function without the layer\n"
    "storm: means and medians of all starts, which share this machine's {cores} cores"
)


def latency_model(latency: ProviderLatency) -> str:
    """One line that says how the simulated provider takes its time."""
    return (
        f"simulated first token: {latency.base:g} s + uncached tokens / {latency.prefill_rate:,.0f}"
        f" per s + read tokens / {latency.read_rate:,.0f} per s"
    )


def as_table(run: MeasuredRun) -> str:
    """Aligned columns, and what they mean."""
    rows = [_COLUMNS, *(_row(scenario) for scenario in run.scenarios)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    notes = _NOTES.format(cores=run.machine.cores)
    lines = (_line(row, widths) for row in rows)
    return "\n".join([*lines, "", notes, latency_model(run.latency)])


def _row(scenario: Scenario) -> tuple[str, ...]:
    first = scenario.first_request
    return (
        scenario.name,
        str(scenario.environments),
        f"{first.ttft_ms:,.0f} ms",
        f"{first.cache_read_tokens:,}",
        f"{first.cache_write_tokens:,}",
        dollars(first.cost_usd),
        str(scenario.warm_calls),
        dollars(scenario.warm_cost_usd),
        str(scenario.cache_writes),
        f"{scenario.init_ms:,.0f} ms",
        f"{scenario.added_init_ms:+,.0f} ms",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *rest = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([name, *rest]).rstrip()
