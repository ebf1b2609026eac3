"""Every cause that somebody has to look at raises one of the two alarms, and nothing else does.

Causes are provoked in real ticks. What the handler writes goes through the metrics that it declares
and through the synthesised alarms' own definitions, as CloudWatch evaluates them.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest

from prefixwarm.errors import PrefixwarmError
from prefixwarm.keepwarm import runtime as module
from prefixwarm.keepwarm.handler import handler
from prefixwarm.observe import Observer
from prefixwarm.prefix.prefix_file import dumps
from tests.helpers.agents import request_of
from tests.integration.keepwarm.alarm_states import FUNCTION, CloudWatch, synthesised
from tests.integration.keepwarm.conftest import prefix_file
from tests.integration.keepwarm.test_handler import Context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
SERVICE = "Warmer-Warm"


@pytest.fixture(scope="session")
def alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The alarms of a warmer with default settings, by their logical ids."""
    return synthesised(tmp_path_factory.mktemp("alarms"))


class Deployment:
    """Ticks by the deployed handler, and what CloudWatch makes of them."""

    def __init__(
        self, world: World, alarms: dict[str, dict[str, Any]], printed: Callable[[], str]
    ) -> None:
        self.world = world
        self.metrics = CloudWatch()
        self._alarms = alarms
        self._printed = printed

    def tick(self, minutes: int = 1) -> None:
        """So many ticks, a minute apart."""
        for _ in range(minutes):
            failed = 0.0
            try:
                handler({}, cast("LambdaContext", Context()))
            except PrefixwarmError:
                failed = 1.0
            now = self.world.sim.now()
            self.metrics.put("AWS/Lambda", "Errors", FUNCTION, now, failed)
            self.metrics.read(self._printed())
            self.world.sim.advance(MINUTE)

    def gone_off(self) -> set[str]:
        """The alarms that are in state ALARM, by their metric."""
        now = self.world.sim.now()
        return {
            alarm["MetricName"]
            for alarm in self._alarms.values()
            if self.metrics.goes_off(alarm, now)
        }


@pytest.fixture
def deployment(
    world: World,
    alarms: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """A deployment without prefixes."""
    monkeypatch.setenv("PREFIXWARM_DEPLOYMENT", SERVICE)
    world.environ["PREFIXWARM_DEPLOYMENT"] = SERVICE
    runtimes: list[module.Runtime] = []
    monkeypatch.setattr(module, "CURRENT", runtimes)
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    runtimes.append(world.new_runtime())
    return Deployment(world, alarms, lambda: capsys.readouterr().out)


def test_nothing_goes_off_while_all_is_well(deployment: Deployment) -> None:
    """A write, an hour of ticks and a refresh; and two failures within an hour."""
    deployment.world.deploy("support")
    deployment.tick(60)
    assert deployment.gone_off() == set()
    deployment.world.sim.inject(status=529, count=2)
    deployment.tick(60)
    assert deployment.gone_off() == set()


def failing_calls(deployment: Deployment) -> None:
    """The provider answers nothing."""
    deployment.world.deploy("support")
    deployment.world.sim.inject(status=529)
    deployment.tick(10)


def a_broken_file(deployment: Deployment) -> None:
    """One that cannot be used."""
    broken = dumps(prefix_file("support")).replace('"max_tokens": 0', '"max_tokens": 5')
    deployment.world.deploy_entries([deployment.world.upload("support", broken)])
    deployment.tick(3)


def a_refresh_that_writes(deployment: Deployment) -> None:
    """The cache is empty when it comes."""
    deployment.world.deploy("support")
    deployment.tick()
    deployment.world.sim.reset()
    deployment.tick(59)


def an_uncached_call(deployment: Deployment) -> None:
    """The provider ignores the breakpoint."""
    deployment.world.sim.switch(ignore_markers=True)
    deployment.world.deploy("support")
    deployment.tick()


def observed(body: dict[str, Any], usage: dict[str, int], now: float) -> str:
    """The log line of an agent's request."""
    lines: list[str] = []
    with mock.patch.dict(os.environ):
        # Its connection to the table is another test's.
        os.environ.pop("PREFIXWARM_TABLE", None)
        observer = Observer([prefix_file("support")], emit=lines.append)
    sent = observer.begin(body, {})
    assert sent is not None
    observer.end(sent, usage)
    document = json.loads(lines[0])
    document["_aws"]["Timestamp"] = now * 1000
    return json.dumps(document)


def drift(deployment: Deployment) -> None:
    """The agent sends another prompt than the one that is warmed."""
    body = request_of("support")
    body["system"][0]["text"] = body["system"][0]["text"].replace("order", "parcel")
    line = observed(body, {"input_tokens": 5}, deployment.world.sim.now())
    deployment.metrics.read(line)
    deployment.world.deploy("support")
    deployment.tick()


def a_used_up_budget(deployment: Deployment) -> None:
    """Less than one write costs."""
    deployment.world.deploy("support", budget_usd_per_day=0.0001)
    deployment.tick()


def ticks_that_do_not_come(deployment: Deployment) -> None:
    """Throttled or undelivered for some minutes in which a refresh is due, while others come."""
    deployment.world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    deployment.tick(2)
    deployment.world.sim.advance(8 * MINUTE)
    deployment.tick(2)


TROUBLES = (
    failing_calls,
    a_broken_file,
    a_refresh_that_writes,
    an_uncached_call,
    drift,
    a_used_up_budget,
    ticks_that_do_not_come,
)


@pytest.mark.parametrize("provoke", TROUBLES, ids=lambda cause: cause.__name__)
def test_trouble_goes_off(deployment: Deployment, provoke: Callable[[Deployment], None]) -> None:
    """And it alone: the function runs."""
    provoke(deployment)
    assert deployment.gone_off() == {"WarmTrouble"}


def test_a_table_that_cannot_be_reached_goes_off(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As trouble, and as an invocation that fails."""
    deployment.world.deploy("support")
    monkeypatch.setattr(
        module, "CURRENT", [deployment.world.new_runtime(PREFIXWARM_TABLE="missing")]
    )
    deployment.tick(3)
    assert deployment.gone_off() == {"WarmTrouble", "Errors"}


def test_a_low_hit_rate_goes_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody set its alarm: by the tokens of the last hour, and not without any."""
    (alarm,) = [
        alarm for alarm in synthesised(tmp_path, hit_rate_alarm=0.5).values() if "Metrics" in alarm
    ]
    monkeypatch.setenv("PREFIXWARM_DEPLOYMENT", SERVICE)
    monkeypatch.setenv("PREFIXWARM_METRICS", "hit-rate")
    metrics, hour, now = CloudWatch(), 60 * MINUTE, 1_800_000_000.0
    assert not metrics.goes_off(alarm, now)
    miss = {"input_tokens": 5, "cache_creation_input_tokens": 2700}
    hit = {"input_tokens": 5, "cache_read_input_tokens": 2700}
    metrics.read(observed(request_of("support"), miss, now))
    assert metrics.goes_off(alarm, now)
    for number in range(3):
        metrics.read(observed(request_of("support"), hit, now + number * MINUTE))
    assert not metrics.goes_off(alarm, now + 3 * MINUTE)
    assert not metrics.goes_off(alarm, now + 2 * hour)


def test_a_function_that_fails_goes_off(deployment: Deployment) -> None:
    """There is no manifest; nothing of ours is needed to see it."""
    deployment.tick(2)
    assert deployment.gone_off() == set()
    deployment.tick()
    assert deployment.gone_off() == {"Errors"}


def test_a_function_that_is_not_started_goes_off(deployment: Deployment) -> None:
    """The schedule is off or cannot deliver, or all is throttled: no data for 15 minutes."""
    deployment.world.deploy("support")
    deployment.tick()
    deployment.world.sim.advance(13 * MINUTE)
    assert deployment.gone_off() == set()
    deployment.world.sim.advance(2 * MINUTE)
    assert deployment.gone_off() == {"Errors"}
