"""Settings, faults, clocks and ids."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.simulator import Fault, Latency, SimulatorError, Switches, running
from prefixwarm.simulator.clock import ManualClock, RealClock, make
from prefixwarm.simulator.ids import Ids


@pytest.mark.parametrize(
    "options",
    [
        {"clock": "sand"},
        {"refuse": True},
        {"latency": {"speed": 1}},
        {"latency": {"base": "long"}},
        {"latency": {"base": -1}},
        {"latency": Latency, "gather": None, "hours": 3},
        {"linger": -1},
        {"linger": True},
        {"thinking_tier": "tools"},
    ],
)
def test_wrong_options_are_refused_before_anything_runs(options: dict[str, Any]) -> None:
    with pytest.raises(SimulatorError), running(**options):
        pass


def test_a_switch_is_changed_in_a_copy() -> None:
    before = Switches()
    assert before.changed({"linger": 3}).linger == 3
    assert before == Switches()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": ["error"]},
        {"status": "500"},
        {"count": "2"},
        {"count": True},
        {"probability": 2},
        {"probability": "often"},
        {"seconds": -1},
        {"after": "noon"},
        {"match": ["route"]},
        {"retry_after": "1\r\nx: y"},
        {"retry_after": "é"},
        {"should_retry": 1},
    ],
)
def test_wrong_faults_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(SimulatorError, match="fault"):
        Fault.parse(fault)


def test_the_manual_clock_never_goes_back() -> None:
    clock = ManualClock(100.0)
    clock.reached(50.0)
    assert clock.now() == 100.0
    clock.reached(150.0)
    assert clock.advance(10) == clock.now() == 160.0


@pytest.mark.parametrize("kind", ["real", "manual"])
@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_time_stays_within_what_dates_can_say(kind: str, seconds: float) -> None:
    clock = make(kind)
    before = clock.now()
    with pytest.raises(SimulatorError, match="advance"):
        clock.advance(seconds)
    assert clock.now() - before < 10


def test_the_real_clock_can_jump() -> None:
    clock = RealClock()
    before = clock.now()
    assert clock.advance(3600) >= before + 3600


def test_ids_repeat_with_their_seed() -> None:
    first, second = Ids(1), Ids(1)
    assert [first.make("a_") for _ in range(3)] == [second.make("a_") for _ in range(3)]
    assert Ids(2).make("a_") != Ids(1).make("a_")
