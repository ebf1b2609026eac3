"""The demo's result as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from prefixwarm.local import toolchain
from prefixwarm.local.simulated_provider import LATENCY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.measurements import Scenario


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
    f"storm: means and medians of all starts, which share this machine's {os.cpu_count()} cores"
)


def latency_model() -> str:
    """One line that says how the simulated provider takes its time."""
    return (
        f"simulated first token: {LATENCY.base:g} s + uncached tokens / {LATENCY.prefill_rate:,.0f}"
        f" per s + read tokens / {LATENCY.read_rate:,.0f} per s"
    )


def as_json(scenarios: Sequence[Scenario]) -> str:
    """The documented object, on several lines."""
    versions = _versions()
    return json.dumps({"scenarios": [asdict(s) for s in scenarios], "versions": versions}, indent=2)


def as_table(scenarios: Sequence[Scenario]) -> str:
    """Aligned columns, and what they mean."""
    rows = [_COLUMNS, *(_row(scenario) for scenario in scenarios)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join([*(_line(row, widths) for row in rows), "", _NOTES, latency_model()])


def _row(scenario: Scenario) -> tuple[str, ...]:
    first = scenario.first_request
    return (
        scenario.name,
        str(scenario.environments),
        f"{first.ttft_ms:,.0f} ms",
        f"{first.cache_read_tokens:,}",
        f"{first.cache_write_tokens:,}",
        f"${first.cost_usd:.4f}",
        str(scenario.warm_calls),
        f"${scenario.warm_cost_usd:.4f}",
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


def _versions() -> dict[str, str]:
    packages = ("prefixwarm", "ministack", "anthropic", "aws-cdk-lib")
    return {
        **{name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
        "runtime emulator": toolchain.EMULATOR,
        "runtime client": toolchain.RUNTIME_CLIENT,
        "cdk": toolchain.CDK_CLI,
    }
