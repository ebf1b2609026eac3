"""The account that a replay keeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.policy import Decision, Policy, View, replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.evaluate import Event

HOUR = 3600.0


def test_never_pays_one_write_for_each_session_start() -> None:
    account = replay([0, 100, 500, 10_000], 86_400, "never")
    assert account.total == pytest.approx(3 * 1.25 + 0.1)
    assert (account.pings, account.misses) == (0, 3)
    assert (account.starts, account.start_hits) == (2, 0)


def test_excess_is_what_a_free_and_always_warm_cache_would_not_cost() -> None:
    account = replay([0, 100], 100, "ski")
    assert account.excess == pytest.approx(2.0 + 0.1 - 2 * 0.1)


def test_latency_is_paid_for_each_miss() -> None:
    assert replay([0, 10_000], 10_000, "never", latency=3).total == pytest.approx(2 * 4.25)


def test_ski_bridges_a_silence_with_one_refresh_in_58_minutes() -> None:
    seen: list[Event] = []
    account = replay([0, 4 * HOUR], 4 * HOUR, "ski", watch=seen.append)
    assert [event.at / 60 for event in seen] == [0, 58, 116, 174, 232, 240]
    assert account.total == pytest.approx(2.0 + 4 * 0.1 + 0.1)
    assert (account.starts, account.start_hits) == (1, 1)


def test_ski_gives_up_after_nineteen_refreshes() -> None:
    account = replay([0.0], 30 * 86_400, "ski")
    assert account.pings == 19
    assert account.total == pytest.approx(2.0 + 1.9)


def test_four_minute_pings_round_the_clock() -> None:
    account = replay([0.0], 86_400, Policy("always", ttl=300, interval=240))
    assert account.pings == 359
    assert account.total == pytest.approx(1.25 + 35.9)


def test_an_interval_that_a_late_tick_turns_into_the_ttl_writes_every_time() -> None:
    """Why an interval near the TTL is dangerous: on a coarse clock each refresh comes too late."""
    account = replay([0.0], 86_400, Policy("always", ttl=300, interval=290), tick=600)
    assert account.pings == 0
    assert replay([0.0], 86_400, Policy("always", interval=3599), tick=7200).pings == 0


class WriteEachHour:
    """A policy that is an object."""

    def decide(self, view: View) -> Decision:
        at = (view.now // HOUR + 1) * HOUR
        return Decision("write", at, 300, "on the hour")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        return view.learned + bytes(len(arrivals))


def test_a_policy_may_be_an_object_and_a_cold_warm_call_is_a_write() -> None:
    account = replay([60.0], 10 * HOUR, WriteEachHour())
    assert account.pings == 9
    assert account.total == pytest.approx(1.25 + 9 * 1.25)


class Array(list[float]):
    """A sequence without a truth value, as an array of numpy."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


def test_arrivals_and_starts_may_be_arrays() -> None:
    """Of any order of starts, and also where the only start is at 0."""
    arrivals, starts = [100.0, 5 * HOUR], [4 * HOUR, 0.0]
    expected = replay(arrivals, 86_400, "ski", init_starts=starts)
    assert expected.init > 0
    assert replay(Array(arrivals), 86_400, "ski", init_starts=Array(starts)) == expected
    assert replay([], 60, "ski", init_starts=Array([0.0])).init > 0


def test_no_arrivals_cost_nothing() -> None:
    assert replay([], 86_400, "always").total == 0


@pytest.mark.parametrize(
    ("arrivals", "end", "message"),
    [
        ([-1.0], 10, "arrival 1 is -1.0"),
        ([1.0, 3.0, 2.0], 10, "arrival 3 is 2.0, before"),
        ([math.nan], 10, "arrival 1 is nan"),
        ([5.0], 4, "the end is 4"),
        ([5.0], math.inf, "the end is inf"),
    ],
)
def test_arrivals_that_cannot_be_are_refused(
    arrivals: list[float], end: float, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        replay(arrivals, end, "ski")


@pytest.mark.parametrize("wrong", [{"read": 0}, {"write_1h": -1}, {"latency": -1}, {"tick": 0}])
def test_prices_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be above 0"):
        replay([0.0], 1, "ski", **wrong)  # type: ignore[arg-type]
