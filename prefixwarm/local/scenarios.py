"""The demo's scenarios: the same function without and with prefixwarm."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.measurements import scenario
from prefixwarm.local.simulated_provider import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.local.measured_run import Scenario
    from prefixwarm.local.measurements import Run
    from prefixwarm.local.stack import DeployedStack


REPEATS = 3
STORM = 50


def run_all(stack: DeployedStack, progress: Callable[[str], None]) -> list[Scenario]:
    """Run every scenario, each time from a cold cache and an empty state.

    The single starts take turns, so that a slow moment of the machine hits all of them alike.
    """
    progress("one start that is not measured, so that all others find their files in memory")
    stack.start(stack.agent)
    runs: dict[str, list[Run]] = {name: [] for name in _STARTS}
    for number in range(1, REPEATS + 1):
        for name, (start, title) in _STARTS.items():
            progress(f"{title} ({number} of {REPEATS})")
            stack.clear()
            runs[name].append(start(stack))
    without_ms = statistics.median(run.init_ms for run in runs["cold"])
    single = [scenario(name, title, runs[name], without_ms) for name, (_, title) in _STARTS.items()]
    return [*single, _storm(stack, progress)]


def _cold(stack: DeployedStack) -> Run:
    return stack.start(stack.agent.without_layers())


def _layer(stack: DeployedStack) -> Run:
    return stack.start(stack.agent)


def _keepwarm(stack: DeployedStack) -> Run:
    with Environment(stack.keepwarm, tools=stack.tools) as environment:
        answer = environment.invoke({})
    if answer.status != 200 or "errorMessage" in str(answer.payload):
        raise LocalCloudError(f"the keep-warm function failed: {str(answer.payload)[:300]}")
    return stack.start(stack.agent)


_STARTS: dict[str, tuple[Callable[[DeployedStack], Run], str]] = {
    "cold": (_cold, "cold start on a cold cache, without the layer"),
    "layer": (_layer, "cold start on a cold cache, with the layer"),
    "keepwarm": (_keepwarm, "cold start after the keep-warm function has run"),
}


def _storm(stack: DeployedStack, progress: Callable[[str], None]) -> Scenario:
    """The light function, so that all starts overlap; the key is in its environment already."""
    light = stack.light.having(ANTHROPIC_API_KEY=KEY)
    progress(f"{STORM} cold starts at once, without the layer")
    stack.clear()
    without = stack.start(light.without_layers(), STORM)
    title = f"{STORM} cold starts at once, with the layer"
    progress(title)
    stack.clear()
    return scenario("storm", title, [stack.start(light, STORM)], without.init_ms)
