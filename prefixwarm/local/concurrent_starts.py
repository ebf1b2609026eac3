"""Starts environments at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING

from prefixwarm.local.emulator import Environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.toolchain import Tools


def start_together(
    function: Function, count: int, events: Sequence[object], *, tools: Tools
) -> list[Invocation]:
    """Start `count` environments, hold them idle at a barrier, and invoke all at once.

    Parameters
    ----------
    events
        What each of them is invoked with, one after the other.

    Returns
    -------
    list of Invocation
        The first one of each environment, with all that the environment logged.
    """
    # Provider and AWS API stand in for other machines, so starts must not starve them.
    niceness = 10 if count > 1 else 0
    environments = [Environment(function, tools=tools, niceness=niceness) for _ in range(count)]
    barrier = Barrier(count)

    def released(environment: Environment) -> Invocation:
        barrier.wait()
        first, *_ = [environment.invoke(event) for event in events]
        return replace(first, log=environment.log)

    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        for environment in environments:
            stack.callback(environment.close)
        list(pool.map(Environment.start, environments))
        return list(pool.map(released, environments))
