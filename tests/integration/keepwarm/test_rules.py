"""The learning rules: their counters survive from tick to tick."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0


@pytest.mark.parametrize("rule", ["auto", "hazard"])
def test_what_a_rule_learns_from_invocations_is_kept(world: World, rule: str) -> None:
    """In the item that all versions share, at most 400 bytes; each day of traffic changes it."""
    world.deploy("support", policy=rule)
    assert [outcome.kind for outcome in world.tick().outcomes] == ["written"]
    seen = []
    for _ in range(3):
        world.invoked("support")
        world.agent_asks("support")
        world.passes(2 * HOUR, 2 * MINUTE)
        seen.append(base64.b64decode(world.shared("support").last_decision.learned))
    assert len(set(seen)) == 3
    assert all(0 < len(learned) <= 400 for learned in seen)


def test_never_writes_nothing_and_is_not_looked_at_again(world: World) -> None:
    """The init phase alone warms it."""
    world.deploy("support", policy="never")
    assert world.tick().due == 1
    assert world.passes(HOUR)[-1].due == 0
    assert not world.sim.requests()
    assert world.state("support").last_decision.due_at is None
