"""Simulates the Messages API with a faithful prompt cache, a controllable clock and faults.

To use it alone: ``with running(clock="manual") as sim:``, then point any client of the Messages
API at ``sim.url``. Without a server, `refusal` returns why the provider would refuse a request.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from prefixwarm.extras import needed_by

if TYPE_CHECKING:
    from prefixwarm.simulator.api_errors import SimulatorError
    from prefixwarm.simulator.faults import Fault
    from prefixwarm.simulator.in_process import Simulator, running
    from prefixwarm.simulator.refusals import refusal
    from prefixwarm.simulator.settings import (
        AwsKey,
        Latency,
        Limits,
        Principal,
        Settings,
        Switches,
    )

__all__ = [
    "AwsKey",
    "Fault",
    "Latency",
    "Limits",
    "Principal",
    "Settings",
    "Simulator",
    "SimulatorError",
    "Switches",
    "refusal",
    "running",
]

_MODULES = {
    "Fault": "faults",
    "Simulator": "in_process",
    "SimulatorError": "api_errors",
    "refusal": "refusals",
    "running": "in_process",
}


def __getattr__(name: str) -> object:
    # Loaded on first use: validation works without the server and its dependencies.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed_by(__name__):
        module = import_module(f"{__name__}.{_MODULES.get(name, 'settings')}")
    value: object = getattr(module, name)
    return value
