"""Combines measurements with the machine and the versions they come from."""

from __future__ import annotations

import platform
import statistics
from importlib import metadata
from typing import TYPE_CHECKING

from prefixwarm.local import machine_load, toolchain
from prefixwarm.local.measured_run import Machine, MeasuredRun
from prefixwarm.local.simulated_provider import LATENCY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.measured_run import Scenario


def measured_run(app: str, scenarios: Sequence[Scenario]) -> MeasuredRun:
    """Combine an app's scenarios with the provider's latency, the machine and all versions."""
    loads = [round_.busy_cores for scenario in scenarios for round_ in scenario.rounds]
    used = statistics.median(loads or [0.0])
    busy = machine_load.slows_starts(used)
    return MeasuredRun(
        app=app,
        scenarios=tuple(scenarios),
        latency=LATENCY,
        machine=Machine(machine_load.cores(), busy, used),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    packages = ("prefixwarm", "ministack", "anthropic", "aws-cdk-lib")
    return {
        **{name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
        "runtime emulator": toolchain.EMULATOR,
        "runtime client": toolchain.RUNTIME_CLIENT,
        "cdk": toolchain.CDK_CLI,
    }
