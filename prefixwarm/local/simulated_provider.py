"""The simulated provider as the demo sets it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.simulator import Latency, Principal, running

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from prefixwarm.simulator import Simulator


# The only key that the simulated provider takes, so that a wrong one would show.
KEY = "sk-ant-local-demo"
LATENCY = Latency(base=0.35, prefill_rate=12_000, read_rate=500_000, output_rate=80)


def provider() -> AbstractContextManager[Simulator]:
    """A provider on loopback whose replies take their time."""
    return running("real", latency=LATENCY, keys={KEY: Principal()})
