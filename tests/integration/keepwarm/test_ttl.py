"""The TTL that was decided is what writes ask for; where an hour is not granted, five minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.wire.deadline import Deadline
from tests.helpers.warming import warm
from tests.integration.keepwarm.conftest import prefix_file

if TYPE_CHECKING:
    from prefixwarm.state.outcome import Outcome
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0


def asked(world: World) -> list[str]:
    """The TTL of each warm call that the provider received."""
    return [call["body"]["system"][0]["cache_control"]["ttl"] for call in world.warm_calls()]


def function_starts(world: World, name: str) -> Outcome:
    """What the init phase of an agent's environment does."""
    options = CallOptions(
        key=world.key(name),
        owner="env",
        needed_until=world.now() + 30,
        idle_refreshes=0,
        function=f"{name}-agent",
    )
    dependencies = world.runtime.dependencies
    call, until = compile_prefix(prefix_file(name)), Deadline.after(30)
    return warm(call, options, dependencies.store, dependencies.provider, until, world.now)


def test_a_fixed_ttl_is_what_is_written(world: World) -> None:
    """Although the prefix file asks for another."""
    world.deploy("support", policy={"rule": "ski", "ttl": "5m"})
    (outcome,) = world.tick().outcomes
    assert (outcome.granted_ttl, outcome.downgraded) == (300, False)
    assert world.state("support").last_decision.wanted_ttl == 300
    assert asked(world) == ["5m"]


def test_a_rare_prefix_is_written_for_five_minutes(world: World) -> None:
    """As the default rule decides, in the keep-warm function and in the init phase."""
    world.deploy("support", policy="auto")
    world.tick()
    assert asked(world) == ["1h"]
    world.passes(2 * HOUR, 10 * MINUTE)
    assert world.state("support").last_decision.wanted_ttl == 300
    outcome = function_starts(world, "support")
    assert (outcome.kind, outcome.granted_ttl) == ("written", 300)
    assert asked(world) == ["1h", "5m"]
    state = world.state("support")
    assert (state.life.granted_ttl, state.money.keepwarm_usd < state.money.spent_usd) == (300, True)


@pytest.mark.parametrize("refused", [True, False])
def test_where_an_hour_is_not_granted(
    world: World, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused or silently downgraded: said aloud, then the rules for five minutes hold."""
    if refused:
        world.sim.inject(kind="error", status=400, match={"contains": '"1h"'})
    else:
        world.sim.switch(downgrade_1h=True)
    world.deploy("support")
    report = world.tick()
    assert report.outcomes[0].granted_ttl == 300
    assert report.metrics()["WarmDowngraded"] == (1.0, "Count")
    assert "one hour is not granted: five minutes from now on" in caplog.messages
    words = "TTL refused" if refused else "downgraded: asked for a TTL of 3600 s"
    assert report.outcomes[0].reason.startswith(words)
    state = world.state("support")
    assert (state.life.longest_ttl, state.last_decision.wanted_ttl) == (300, 300)
    before = len(asked(world))
    outcomes = [o for report in world.passes(15 * MINUTE) for o in report.outcomes]
    assert [outcome.kind for outcome in outcomes] == ["refreshed"] * 3
    assert asked(world)[before:] == ["5m"] * 3
    world.passes(2 * HOUR)
    assert function_starts(world, "support").granted_ttl == 300
    assert set(asked(world)[before:]) == {"5m"}


def test_an_agents_shorter_write_does_not_shorten_the_next_one(world: World) -> None:
    """The living entry tells when to refresh; the next write asks for what would be granted."""
    world.deploy("support")
    world.tick()
    world.passes(HOUR, HOUR)
    store = world.runtime.dependencies.store
    store.record_use(world.key("support"), world.sim.now(), 300, Deadline.after(60))
    world.tick()
    assert world.state("support").last_decision.wanted_ttl == 3600


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"status": 401}, "written"), ({"status": 529}, "skipped"), ({"status": 429}, "skipped")],
)
def test_a_failed_keep_warm_call_and_the_init_phase(
    world: World, fault: dict[str, Any], kind: str
) -> None:
    """A refused key of ours says nothing about the function's; the provider's troubles do."""
    world.deploy("support")
    world.sim.inject(kind="error", count=1, **fault)
    assert [outcome.kind for outcome in world.tick().outcomes] == ["failed"]
    assert function_starts(world, "support").kind == kind
