"""The demo's four scenarios: the same function without and with prefixwarm."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from prefixwarm.demo.emulator import Environment
from prefixwarm.demo.errors import BenchError
from prefixwarm.demo.measure import Scenario
from prefixwarm.demo.provider import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.demo.measure import Run
    from prefixwarm.demo.world import World

__all__ = ["REPEATS", "STORM", "run_all"]

REPEATS = 3
STORM = 50


def run_all(world: World, say: Callable[[str], None]) -> list[Scenario]:
    """Run every scenario, each from a cold cache and an empty state."""
    say("cold start with a cold cache, without the layer")
    cold = [_cold(world) for _ in range(REPEATS)]
    without_ms = statistics.median(run.init_ms for run in cold)
    say("cold start with a cold cache, with the layer")
    layer = [_layer(world) for _ in range(REPEATS)]
    say("cold start after the keep-warm function has run")
    keepwarm = [_keepwarm(world) for _ in range(REPEATS)]
    return [
        Scenario.of("cold", cold, without_ms),
        Scenario.of("layer", layer, without_ms),
        Scenario.of("keepwarm", keepwarm, without_ms),
        _storm(world, say),
    ]


def _cold(world: World) -> Run:
    world.clear()
    return world.start(world.agent.without_layers())


def _layer(world: World) -> Run:
    world.clear()
    return world.start(world.agent)


def _keepwarm(world: World) -> Run:
    world.clear()
    with Environment(world.keepwarm, tools=world.tools) as environment:
        answer = environment.invoke({})
    if answer.status != 200 or "errorMessage" in str(answer.payload):
        raise BenchError(f"the keep-warm function failed: {str(answer.payload)[:300]}")
    return world.start(world.agent)


def _storm(world: World, say: Callable[[str], None]) -> Scenario:
    """The light function, so that all starts overlap; the key is in its environment already."""
    light = world.light.having(ANTHROPIC_API_KEY=KEY)
    say(f"{STORM} cold starts at once, without the layer")
    world.clear()
    without = world.start(light.without_layers(), STORM)
    say(f"{STORM} cold starts at once, with the layer")
    world.clear()
    return Scenario.of("storm", [world.start(light, STORM)], without.init_ms)
