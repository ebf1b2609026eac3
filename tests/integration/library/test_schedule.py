"""A schedule keeps warm what pays, follows real traffic, and is heard of by nobody who fails."""

from __future__ import annotations

import logging
from threading import active_count
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm import CacheStats, Warmer, WarmSchedule, WarmStatus
from prefixwarm.errors import SettingsError, StateError, UsageError
from prefixwarm.policy import Policy
from prefixwarm.state.memory import MemoryState
from prefixwarm.testing import RecordingTransport
from tests.helpers.forking import holds_in_child
from tests.helpers.waiting import PATIENCE, until
from tests.integration.library.conftest import MODEL, QUESTION, SYSTEM, runtime, support

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.simulator import Simulator


def five_minutes(sim: Simulator, client: Any, **options: Any) -> WarmSchedule:
    """A schedule of one prefix that lives 5 minutes."""
    warmer = Warmer(client, support(ttl="5m"), clock=sim.now)
    return WarmSchedule(warmer, **options)


def kinds(sim: Simulator) -> list[str]:
    """What each request did."""
    usages = [request["usage"] for request in sim.requests()]
    return ["read" if usage["cache_read_input_tokens"] else "write" for usage in usages]


def test_keeps_warm_and_gives_up(sim: Simulator, client: anthropic.Anthropic) -> None:
    """A write, refreshes as long as a silence is worth them, then none; each with its reason."""
    statuses: list[WarmStatus] = []
    schedule = five_minutes(sim, client, policy="ski", on_event=statuses.append)
    for _ in range(60):
        schedule.check()
        sim.advance(60)
    assert kinds(sim) == ["write"] + ["read"] * 12
    assert [status.outcome for status in statuses[:13]] == ["written"] + ["refreshed"] * 12
    assert statuses[0].reason == "a new prefix: never warmed here"
    status = schedule.status("support")
    assert (status.warm, status.outcome) == (False, "refreshed")
    assert status.reason == "cold: the next real request writes it"
    assert any("stopped after 12 refreshes" in status.reason for status in statuses)
    assert status.cost_usd == pytest.approx(float(sim.ledger()["total"]["cost_usd"]))


def test_real_traffic_stands_in_for_refreshes(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Nothing is sent while it comes more often than the entry lapses."""
    schedule = five_minutes(sim, client, policy="ski")
    schedule.check()
    prefix = support(ttl="5m")
    for _ in range(20):
        sim.advance(200)
        started = sim.now()
        message = client.messages.create(**prefix.request(QUESTION))
        schedule.observe(message, started=started)
        assert schedule._loop.traffic.flush(PATIENCE)
        schedule.check()
    assert sim.ledger()["warm"]["requests"] == 1
    assert kinds(sim) == ["write"] + ["read"] * 20


def test_middleware_observes(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Requests of the agent's client; warm calls through it are none of them."""
    agent = client
    warmer = Warmer(client, support(ttl="5m"), clock=sim.now)
    schedule = WarmSchedule(warmer, policy="ski")
    agent = client.with_options(middleware=[schedule.middleware()])
    Warmer(agent, support(ttl="5m", system=SYSTEM + "!"), clock=sim.now).warm()
    schedule.check()
    sim.advance(400)
    agent.messages.create(**support(ttl="5m").request(QUESTION))
    assert kinds(sim) == ["write", "write", "write"]

    def is_warm() -> bool:
        schedule.check()
        sim.advance(1)
        return schedule.status("support").warm

    until(is_warm)
    assert len(sim.requests()) == 3


def test_a_late_timer_never_writes(sim: Simulator, client: anthropic.Anthropic) -> None:
    """As after the sleep of the machine, with any policy."""
    for options in ({"policy": "always"}, {"interval_seconds": 200}, {"policy": "auto"}):
        sim.reset()
        schedule = five_minutes(sim, client, **options)
        schedule.check()
        assert kinds(sim) == ["write"]
        sim.advance(310)
        schedule.check()
        assert len(sim.requests()) == 1
        assert not schedule.status("support").warm


def test_an_interval_as_asked_for(sim: Simulator, client: anthropic.Anthropic) -> None:
    """With no end."""
    schedule = five_minutes(sim, client, interval_seconds=100)
    for _ in range(40):
        schedule.check()
        sim.advance(50)
    assert kinds(sim) == ["write"] + ["read"] * 19


def test_the_price_of_a_small_interval(
    client: anthropic.Anthropic, sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Is said once."""
    schedule = WarmSchedule(Warmer(client, support(), clock=sim.now), interval_seconds=240)
    for _ in range(3):
        schedule.check()
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    text = record.getMessage()
    assert "every 240 seconds costs 14.4 times as much as one every 3450 seconds" in text
    assert "a day, instead of $" in text


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"interval_seconds": 300}, SettingsError, "use at most 210"),
        ({"interval_seconds": 900}, SettingsError, "each refresh would be a write"),
        ({"interval_seconds": 0}, SettingsError, "above 0"),
        ({"interval_seconds": 100, "policy": "auto"}, UsageError, "not both"),
        ({"policy": "sometimes"}, SettingsError, "write one of"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], says: str) -> None:
    """With what to write instead."""
    warmer = Warmer(RecordingTransport(), support(ttl="5m"))
    with pytest.raises(error, match=says):
        WarmSchedule(warmer, **options)
    with pytest.raises(UsageError, match="not one of the schedule's: support"):
        WarmSchedule(warmer, policy=Policy(rule="ski")).status("other")


def test_a_thread_of_its_own() -> None:
    """Begins at once, says when it is warm, and ends with the block."""
    before = active_count()
    statuses: list[WarmStatus] = []
    warmer = Warmer(RecordingTransport(), support())
    with WarmSchedule(warmer, policy="auto", on_event=statuses.append) as schedule:
        assert schedule.wait_until_warm("support", timeout=PATIENCE)
        assert schedule.wait_until_warm(timeout=PATIENCE)
        (status,) = schedule.status()
        assert (status.warm, status.outcome) == (True, "written")
        assert schedule._thread is not None
        thread = schedule._thread
    assert not thread.is_alive()
    assert [status.outcome for status in statuses] == ["written"]
    assert active_count() <= before + 2


def test_who_is_told_may_warm() -> None:
    """Though no more than one call is made at a time."""
    prefixes = [support(), support(system=SYSTEM + "!").with_model(MODEL, name="other")]
    warmer = Warmer(RecordingTransport(), prefixes, max_in_flight=1)
    outcomes: list[str] = []

    def warm_again(status: WarmStatus) -> None:
        outcomes.extend(result.outcome for result in warmer.warm())

    WarmSchedule(warmer, on_event=warm_again).check()
    assert outcomes == ["skipped"] * 4


def test_waiting_for_nothing_ends() -> None:
    """Where the schedule does not run."""
    assert not WarmSchedule(Warmer(RecordingTransport(), support())).wait_until_warm()


def test_waiting_in_vain_ends_early() -> None:
    """Where no call is on its way: after a failure, whose back-off lasts longer."""
    transport = RecordingTransport([ConnectionError("no network")])
    with WarmSchedule(Warmer(transport, support())) as schedule:
        assert not schedule.wait_until_warm("support", timeout=20)
        assert schedule.status("support").outcome == "failed"
    assert len(transport.requests) == 1


def test_failures_stay_inside(
    sim: Simulator, client: anthropic.Anthropic, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the provider, of the state, of the user's callback, and of what is observed."""

    def broken(status: WarmStatus) -> None:
        raise ValueError("secret")

    sim.inject(status=529)
    schedule = five_minutes(sim, client, policy="ski", on_event=broken)
    schedule.check()
    assert "failed: HTTP 529" in caplog.text
    assert "on_event failed for prefix support: unexpected ValueError in broken" in caplog.text
    sim.heal()
    sim.advance(47)
    schedule.check()
    assert schedule.status("support").warm
    schedule.observe(object())
    schedule.observe({"input_tokens": 1}, "other")
    assert "has no usage" in caplog.text
    assert "name its prefix, one of support" in caplog.text
    assert "secret" not in caplog.text


class Broken(MemoryState):
    """A state that is away."""

    def read(self, key: str, deadline: Any) -> Any:
        raise StateError("the table cannot be reached")


def test_a_state_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is sent: it may be warm; the log says so once."""
    transport = RecordingTransport()
    schedule = WarmSchedule(Warmer(transport, support(), store=Broken()))
    for _ in range(3):
        schedule.check()
        schedule._loop._due["support"] = 0.0
    assert "the table cannot be reached" in schedule.status("support").reason
    assert caplog.text.count("the table cannot be reached") == 1
    assert transport.requests == []


def test_the_kill_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops it."""
    monkeypatch.setenv("PREFIXWARM_DISABLED", "yes")
    transport = RecordingTransport()
    with WarmSchedule(Warmer(transport, support())) as schedule:
        assert not schedule.wait_until_warm("support", timeout=20)
    assert transport.requests == []


def test_processes_share_the_work(tmp_path: Path) -> None:
    """Through a file: what one has warmed, the other leaves alone."""
    first, second = RecordingTransport(), RecordingTransport()
    store = tmp_path / "state.json"
    for transport in (first, second):
        schedule = WarmSchedule(Warmer(transport, support(), store=store), policy="ski")
        schedule.check()
        assert schedule.status("support").warm
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_after_a_fork(caplog: pytest.LogCaptureFixture) -> None:
    """The child goes on by itself as soon as it uses the schedule, and says that once."""
    transport = RecordingTransport()
    with WarmSchedule(Warmer(transport, support())) as schedule:
        assert schedule.wait_until_warm("support", timeout=PATIENCE)

        def goes_on() -> bool:
            assert schedule._thread is not None
            ended = not schedule._thread.is_alive()
            transport.forget()
            schedule._loop.check_soon("support")
            warm = schedule.wait_until_warm("support", timeout=PATIENCE)
            warnings = [r for r in caplog.records if "forked" in r.getMessage()]
            return ended and warm and schedule._thread.is_alive() and len(warnings) == 1

        assert holds_in_child(goes_on)


def test_bedrock_through_boto3(sim: Simulator) -> None:
    """The same schedule on Converse, with the region of the client."""
    prefix = support(model=f"global.anthropic.{MODEL}", route="bedrock-converse")
    schedule = WarmSchedule(Warmer(runtime(sim), prefix, clock=sim.now), policy="ski")
    schedule.check()
    started = sim.now()
    usage = {"inputTokens": 5, "outputTokens": 1, "cacheReadInputTokens": 2000}
    sim.advance(3000)
    schedule.observe({"usage": usage}, started=sim.now())
    assert schedule._loop.traffic.flush(PATIENCE)
    sim.advance(2)
    schedule.check()
    status = schedule.status("support")
    assert status.warm_until is not None
    assert status.warm_until >= started + 6000


def test_statistics_leave_warm_calls_apart(sim: Simulator) -> None:
    """Those of a wrapped client that also warms."""
    stats = CacheStats()
    with anthropic.Anthropic(api_key="k", base_url=sim.url) as client:
        wrapped = stats.wrap(client)
        Warmer(wrapped, support(), clock=sim.now).warm()
        wrapped.messages.create(**support().request(QUESTION))
    total = stats.summary()
    assert total.requests == 1


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prefixwarm")


def test_the_time_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when the clock is set back, nor when the machine has slept."""
    from prefixwarm.library import steady_clock

    readings: dict[str, float] = {"time": 1000.0, "monotonic": 50.0}
    monkeypatch.setattr(steady_clock, "time", lambda: readings["time"])
    monkeypatch.setattr(steady_clock, "monotonic", lambda: readings["monotonic"])
    monkeypatch.setattr(steady_clock, "_OFFSET", 950.0)
    now: Callable[[], float] = steady_clock.steady_time
    assert now() == 1000.0
    readings.update(time=400.0, monotonic=60.0)
    assert now() == 1010.0
    readings.update(time=9000.0)
    assert now() == 9000.0
