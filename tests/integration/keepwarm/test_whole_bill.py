"""The deployed parts and `replay` spend the same on the same arrivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.policy import replay
from tests.helpers.deployed import Deployed, Life
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.keepwarm.conftest import World

HOUR, DAY = 3600.0, 86_400.0
DAYS = chosen(dev=2.0, ci=3.0, full=16.0)
ONE_CALL = 2.0


def every(seconds: float, first: float = 600.0) -> list[float]:
    """Moments at a fixed distance, around the clock."""
    return [first + n * seconds for n in range(int((DAYS * DAY - first) // seconds) + 1)]


def by_day(seconds: float) -> list[float]:
    """Requests at a fixed distance from 8 to 18 h; silent nights."""
    return [at for at in every(seconds, 8 * HOUR) if 8 * HOUR <= at % DAY < 18 * HOUR]


LONE = every(2 * HOUR, 5 * HOUR)
EVERY_HALF_HOUR, DEPLOYED = every(1800), every(25 * HOUR, 0.0)
STARTS = [at - 2 for at in LONE]
LIVES = {
    "cold starts 2 h apart": Life(DAYS, LONE, STARTS),
    "the same, agent asks 1h": Life(DAYS, LONE, STARTS, agent_ttl=3600),
    "cold starts 7 h apart": Life(DAYS, every(7 * HOUR), [at - 2 for at in every(7 * HOUR)]),
    "every 30 min by day": Life(DAYS, by_day(1800)),
    "every 45 min, cheap reads": Life(DAYS, every(2700), read=0.05),
    "every 5 h": Life(DAYS, every(5 * HOUR)),
    "starts that call no model": Life(DAYS, [], LONE),
    "half of the starts are read": Life(DAYS, LONE[::2], STARTS),
    "deployments, no traffic": Life(DAYS, [], deployments=every(10 * HOUR, 0.0)),
    "deployments in use": Life(DAYS, EVERY_HALF_HOUR, deployments=DEPLOYED),
    "deployments with starts that nobody reads": Life(
        DAYS, every(30 * HOUR), every(2 * HOUR, 30.0), every(7 * HOUR, 0.0)
    ),
    "deployments in use, agent asks 1h, starts": Life(
        DAYS, EVERY_HALF_HOUR, [at - 2 for at in EVERY_HALF_HOUR[::5]], DEPLOYED, agent_ttl=3600
    ),
    "starts go on after the last request": Life(DAYS, by_day(1800)[:20], every(3 * HOUR, 7 * HOUR)),
    "not observed, deployments": Life(
        DAYS, every(1200), deployments=every(7 * HOUR, 0.0), observed=False
    ),
    "not observed": Life(DAYS, every(1800), observed=False),
    "not observed, starts": Life(DAYS, LONE, STARTS, observed=False, init_usd_per_week=0.02),
}


FEW = ["cold starts 7 h apart", "half of the starts are read", "every 5 h", "not observed, starts"]


@pytest.mark.parametrize("name", chosen(dev=FEW, ci=list(LIVES), full=list(LIVES)))
def test_the_bill_is_that_of_a_replay(long_lived: World, tmp_path: Path, name: str) -> None:
    """Within 2 % or one call, whichever is larger."""
    life = LIVES[name]
    deployed = Deployed(long_lived, life, tmp_path)
    paid = deployed.lives()
    began, unit = deployed.began, deployed.unit_usd or 1.0
    ours = replay(
        [began + at for at in life.arrivals],
        began + life.days * DAY,
        "auto",
        read=life.read,
        agent_ttl=life.agent_ttl,
        observed=life.observed,
        deployments=[began + at for at in life.deployments],
        init_starts=[began + at for at in life.starts],
        init_per_week=life.init_usd_per_week / unit,
    )
    assert paid == pytest.approx(ours.total, rel=0.02, abs=ONE_CALL)
