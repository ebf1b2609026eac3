"""The Messages API with a faithful prompt cache, an injectable clock and faults.

It can be used by itself: ``with running(clock="manual") as sim:`` and point any client of the
Messages API at ``sim.url``.
"""

from prefixwarm.simulator.api_errors import SimulatorError
from prefixwarm.simulator.faults import Fault
from prefixwarm.simulator.running import Simulator, running
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
    "running",
]
