"""Every cause that somebody has to look at raises an alarm, and nothing else does.

Causes are provoked in real ticks, starts and requests. What they write goes through the metrics
that it declares and through the synthesised alarms' own definitions, as CloudWatch evaluates them:
the two alarms of the default settings, and those of each cause where all metrics are written.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest

from prefixwarm.errors import PrefixwarmError
from prefixwarm.keepwarm import runtime as module
from prefixwarm.keepwarm.handler import handler
from prefixwarm.observe import Observer
from prefixwarm.prefix.prefix_file import dumps, write
from prefixwarm_extension import main as init_phase
from tests.helpers.agents import request_of
from tests.helpers.deployed import connections_closed
from tests.helpers.gateway import gateway
from tests.helpers.simulated_clock import simulated_clock
from tests.integration.keepwarm.alarm_states import FUNCTION, UNDELIVERED, CloudWatch, synthesised
from tests.integration.keepwarm.conftest import prefix_file
from tests.integration.keepwarm.test_handler import Context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.integration.keepwarm.conftest import World

    Alarms = dict[str, dict[str, Any]]

MINUTE = 60.0
SERVICE = "Warmer-Warm"
DEFAULT, FULL = "trouble", "full"


@pytest.fixture(scope="session")
def alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Alarms]:
    """The alarms of a warmer by its setting `metrics`, and by their names."""
    folder = tmp_path_factory.mktemp
    return {metrics: synthesised(folder("alarms"), metrics=metrics) for metrics in (DEFAULT, FULL)}


class Deployment:
    """Ticks by the deployed handler, and what CloudWatch makes of them."""

    def __init__(
        self, world: World, alarms: Alarms, folder: Path, printed: Callable[[], str]
    ) -> None:
        self.world = world
        self.folder = folder
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
            self.of_the_function("Errors", failed)
            self.metrics.read(self._printed())
            self.world.sim.advance(MINUTE)

    def of_the_function(self, name: str, value: float) -> None:
        """A data point that AWS writes for the function."""
        self.metrics.put("AWS/Lambda", name, FUNCTION, self.world.sim.now(), value)

    def start(self) -> None:
        """One cold start of the agent's function, with what its log says."""
        environ = self.world.environ | {
            "AWS_LAMBDA_FUNCTION_NAME": "support-agent",
            "PREFIXWARM_PREFIXES": str(self.folder),
        }
        reading, writing = os.pipe()
        log, patched = io.StringIO(), mock.patch.dict(os.environ, environ)
        with simulated_clock(self.world.now), patched, redirect_stdout(log), connections_closed():
            init_phase.main(environ, writing, "on-demand", 9_000)
        os.close(reading)
        self.metrics.read(log.getvalue())

    def use(self, **environ: str) -> None:
        """Go on with another environment of the function."""
        module.CURRENT[:] = [self.world.new_runtime(**environ)]

    def gone_off(self) -> set[str]:
        """The alarms that are in state ALARM."""
        now = self.world.sim.now()
        return {name for name, own in self._alarms.items() if self.metrics.goes_off(own, now)}


@pytest.fixture(params=[DEFAULT, FULL])
def setting(request: pytest.FixtureRequest) -> str:
    """Which metrics are written."""
    return str(request.param)


@pytest.fixture
def deployment(
    world: World,
    alarms: dict[str, Alarms],
    setting: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """A deployment without prefixes."""
    world.environ |= {"PREFIXWARM_DEPLOYMENT": SERVICE, "PREFIXWARM_METRICS": setting}
    runtimes: list[module.Runtime] = []
    monkeypatch.setattr(module, "CURRENT", runtimes)
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    runtimes.append(world.new_runtime())
    return Deployment(world, alarms[setting], tmp_path, lambda: capsys.readouterr().out)


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


def failing_starts(deployment: Deployment) -> None:
    """The provider refuses the calls of three starts, of a prefix that no tick warms."""
    deployment.world.deploy()
    write(prefix_file("support"), deployment.folder)
    deployment.world.sim.inject(status=529)
    for _ in range(3):
        deployment.start()
        deployment.tick(3)


def a_spend_limit(deployment: Deployment) -> None:
    """One call is refused for an hour."""
    deployment.world.deploy("support")
    deployment.world.sim.inject(status=429, error_code="enforced_spend_limit_reached")
    deployment.tick(3)


def an_absurd_usage(deployment: Deployment) -> None:
    """One call is billed impossible tokens, and its prefix rests for a day."""
    deployment.world.deploy("support")
    with gateway(lambda _: {"input_tokens": -1}) as url:
        deployment.use(ANTHROPIC_BASE_URL=url)
        deployment.tick(3)


def calls_that_fail_for_hours(deployment: Deployment) -> None:
    """They are tried once an hour by then."""
    world = deployment.world
    world.deploy("support")
    world.sim.inject(status=529)
    for _ in range(9):
        deployment.tick()
        until = world.state("support").backoff.until or 0.0
        world.sim.advance(max(0.0, until - world.sim.now()))
    deployment.tick()


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
    if "_aws" in document:
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


def throttled_ticks(deployment: Deployment) -> None:
    """For some minutes in which a refresh is due, while others come."""
    deployment.world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    deployment.tick(2)
    for _ in range(8):
        deployment.of_the_function("Throttles", 1.0)
        deployment.world.sim.advance(MINUTE)
    deployment.tick(2)


def undelivered_ticks(deployment: Deployment) -> None:
    """The scheduler gives up on some, and leaves them in its queue."""
    deployment.world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    deployment.tick(2)
    deployment.world.sim.advance(8 * MINUTE)
    deployment.tick(2)
    now, name = deployment.world.sim.now(), "ApproximateNumberOfMessagesVisible"
    deployment.metrics.put("AWS/SQS", name, UNDELIVERED, now, 8.0)


def a_missing_table(deployment: Deployment) -> None:
    """It was deleted, or its permissions are gone: each tick fails."""
    deployment.world.deploy("support")
    deployment.use(PREFIXWARM_TABLE="missing")
    deployment.tick(3)


def a_function_that_fails(deployment: Deployment) -> None:
    """There is no manifest; nothing of ours is needed to see it."""
    deployment.tick(2)
    assert deployment.gone_off() == set()
    deployment.tick()


def a_function_that_is_not_started(deployment: Deployment) -> None:
    """The schedule is off or cannot deliver, or all is throttled: no data for 15 minutes."""
    deployment.world.deploy("support")
    deployment.tick()
    deployment.world.sim.advance(13 * MINUTE)
    assert deployment.gone_off() == set()
    deployment.world.sim.advance(2 * MINUTE)


# The alarms that each cause raises: by default, and where every cause has its own.
CAUSES: tuple[tuple[Callable[[Deployment], None], set[str], set[str]], ...] = (
    (failing_calls, {"Trouble"}, {"Failed"}),
    (failing_starts, {"Trouble"}, {"Failed"}),
    (a_spend_limit, {"Trouble"}, {"PrefixStopped"}),
    (an_absurd_usage, {"Trouble"}, {"PrefixStopped"}),
    (calls_that_fail_for_hours, {"Trouble"}, {"PrefixStopped"}),
    (a_broken_file, {"Trouble"}, {"Failed"}),
    (a_refresh_that_writes, {"Trouble"}, {"Rewrote"}),
    (an_uncached_call, {"Trouble"}, {"Uncached"}),
    (drift, {"Trouble"}, {"Drift"}),
    (a_used_up_budget, {"Trouble"}, {"Budget"}),
    (throttled_ticks, {"Trouble"}, {"Throttles"}),
    (undelivered_ticks, {"Trouble"}, {"Undelivered"}),
    (a_missing_table, {"Trouble", "NotRunning"}, {"Stopped", "Errors"}),
    (a_function_that_fails, {"NotRunning"}, {"Errors"}),
    (a_function_that_is_not_started, {"NotRunning"}, {"Stopped"}),
)


@pytest.mark.parametrize(
    ("provoke", "by_default", "of_its_own"), CAUSES, ids=[cause.__name__ for cause, *_ in CAUSES]
)
def test_every_cause_goes_off(
    deployment: Deployment,
    setting: str,
    provoke: Callable[[Deployment], None],
    by_default: set[str],
    of_its_own: set[str],
) -> None:
    """And its own alarms alone."""
    provoke(deployment)
    assert deployment.gone_off() == {DEFAULT: by_default, FULL: of_its_own}[setting]


def test_every_alarm_is_provoked(alarms: dict[str, Alarms]) -> None:
    """None is left out above; the workers' one is with the workers' tests."""
    provoked = {
        DEFAULT: [own for _, own, _ in CAUSES],
        FULL: [own for _, _, own in CAUSES],
    }
    for setting, own in provoked.items():
        assert set(alarms[setting]) == set().union(*own)


@pytest.mark.parametrize("written", ["hit-rate", "full"])
def test_a_low_hit_rate_goes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """Where somebody set its alarm: by the tokens of the last hour, and not without any."""
    setting = FULL if written == "full" else DEFAULT
    alarm = synthesised(tmp_path, hit_rate_alarm=0.5, metrics=setting)["HitRate"]
    monkeypatch.setenv("PREFIXWARM_DEPLOYMENT", SERVICE)
    monkeypatch.setenv("PREFIXWARM_METRICS", written)
    metrics, hour, now = CloudWatch(), 60 * MINUTE, 1_800_000_000.0
    assert not metrics.goes_off(alarm, now)
    other = {**request_of("router"), "tools": [], "system": "Which agent?"}
    metrics.read(observed(other, {"input_tokens": 50}, now - 2 * hour))
    metrics.read(observed(request_of("support"), {"input_tokens": -5}, now - 2 * hour))
    assert not metrics.goes_off(alarm, now - 2 * hour)
    miss = {"input_tokens": 5, "cache_creation_input_tokens": 2700}
    hit = {"input_tokens": 5, "cache_read_input_tokens": 2700}
    metrics.read(observed(request_of("support"), miss, now))
    assert metrics.goes_off(alarm, now)
    for number in range(3):
        metrics.read(observed(request_of("support"), hit, now + number * MINUTE))
    assert not metrics.goes_off(alarm, now + 3 * MINUTE)
    assert not metrics.goes_off(alarm, now + 2 * hour)
