"""The demo's four scenarios: the same function without and with prefixwarm."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import BenchError
from prefixwarm.local.measurements import Scenario
from prefixwarm.local.simulated_provider import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.local.measurements import Run
    from prefixwarm.local.stack import World

__all__ = ["REPEATS", "STORM", "run_all"]

REPEATS = 3
STORM = 50


def run_all(world: World, say: Callable[[str], None]) -> list[Scenario]:
    """Run every scenario, each time from a cold cache and an empty state.

    The single starts take turns, so that a slow moment of the machine hits all of them alike.
    """
    say("one start that is not measured, so that all others find their files in memory")
    world.start(world.agent)
    runs: dict[str, list[Run]] = {name: [] for name in _STARTS}
    for number in range(1, REPEATS + 1):
        for name, (start, text) in _STARTS.items():
            say(f"{text} ({number} of {REPEATS})")
            world.clear()
            runs[name].append(start(world))
    without_ms = statistics.median(run.init_ms for run in runs["cold"])
    single = [Scenario.of(name, several, without_ms) for name, several in runs.items()]
    return [*single, _storm(world, say)]


def _cold(world: World) -> Run:
    return world.start(world.agent.without_layers())


def _layer(world: World) -> Run:
    return world.start(world.agent)


def _keepwarm(world: World) -> Run:
    with Environment(world.keepwarm, tools=world.tools) as environment:
        answer = environment.invoke({})
    if answer.status != 200 or "errorMessage" in str(answer.payload):
        raise BenchError(f"the keep-warm function failed: {str(answer.payload)[:300]}")
    return world.start(world.agent)


_STARTS: dict[str, tuple[Callable[[World], Run], str]] = {
    "cold": (_cold, "cold start on a cold cache, without the layer"),
    "layer": (_layer, "cold start on a cold cache, with the layer"),
    "keepwarm": (_keepwarm, "cold start after the keep-warm function has run"),
}


def _storm(world: World, say: Callable[[str], None]) -> Scenario:
    """The light function, so that all starts overlap; the key is in its environment already."""
    light = world.light.having(ANTHROPIC_API_KEY=KEY)
    say(f"{STORM} cold starts at once, without the layer")
    world.clear()
    without = world.start(light.without_layers(), STORM)
    say(f"{STORM} cold starts at once, with the layer")
    world.clear()
    return Scenario.of("storm", [world.start(light, STORM)], without.init_ms)
