"""Environments that start at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING

from prefixwarm.local.emulator import Environment

if TYPE_CHECKING:
    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.toolchain import Tools


def start_together(
    function: Function, count: int, event: object, *, tools: Tools
) -> list[Invocation]:
    """Start `count` environments, hold them idle at a barrier, and invoke all at once.

    Parameters
    ----------
    event
        What each of them is invoked with, once.
    """
    # Provider and AWS API stand for other machines: a storm here must not starve them.
    niceness = 10 if count > 1 else 0
    environments = [Environment(function, tools=tools, niceness=niceness) for _ in range(count)]
    barrier = Barrier(count)

    def released(environment: Environment) -> Invocation:
        barrier.wait()
        return environment.invoke(event)

    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        for environment in environments:
            stack.callback(environment.close)
        list(pool.map(Environment.start, environments))
        return list(pool.map(released, environments))
