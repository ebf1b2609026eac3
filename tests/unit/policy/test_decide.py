"""What is decided about one prefix at one moment."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.policy import RULES, Multipliers, Policy, View, decide, learn

NOON = 1_800_000_000.0


def view(age: float, **changes: object) -> View:
    """An entry touched `age` seconds before noon, with the 1 hour TTL."""
    fields = {"last_touch": NOON - age, "warm_until": NOON - age + 3600} | changes
    return View(now=NOON, **fields)  # type: ignore[arg-type]


def test_a_new_prefix_is_written_once() -> None:
    decision = decide(View(now=NOON), "ski")
    assert (decision.action, decision.ttl) == ("write", 3600)
    assert "new prefix" in decision.reason


def test_a_new_prefix_of_the_default_rule_is_written_with_the_ttl_it_asks_for() -> None:
    assert (decide(View(now=NOON)).action, decide(View(now=NOON)).ttl) == ("write", 3600)


def test_never_is_never() -> None:
    assert decide(View(now=NOON), "never").action == "rest"
    assert decide(view(3460), "never").next_check is None


@pytest.mark.parametrize(
    ("age", "idle", "action"),
    [
        (0, 0, "wait"),
        (3449, 0, "wait"),
        (3450, 0, "refresh"),
        (3599, 0, "refresh"),
        (3599, 18, "refresh"),
        (3599, 19, "rest"),
        (3600, 0, "rest"),
    ],
)
def test_ski_refreshes_late_and_stops_at_break_even(age: float, idle: int, action: str) -> None:
    assert decide(view(age, idle_refreshes=idle), "ski").action == action


@pytest.mark.parametrize(
    ("read", "latency", "most"),
    [(0.1, 0, 19), (0.1, 2, 39), (0.1, 10, 119), (0.05, 0, 39), (0.025, 0, 79)],
)
def test_ski_stops_by_the_models_own_prices_and_the_value_of_waiting(
    read: float, latency: float, most: int
) -> None:
    prices = {"multipliers": Multipliers(read=read), "latency": latency}
    assert decide(view(3500, idle_refreshes=most - 1, **prices), "ski").action == "refresh"
    assert decide(view(3500, idle_refreshes=most, **prices), "ski").action == "rest"


def test_waiting_ends_when_the_refresh_is_due() -> None:
    assert decide(view(100), "ski").next_check == NOON - 100 + 3450


def test_after_stopping_it_keeps_looking_for_traffic() -> None:
    stopped = decide(view(3500, idle_refreshes=19), "ski")
    assert stopped.next_check == NOON + 3450
    assert "19 refreshes" in stopped.reason


def test_traffic_that_was_only_counted_resumes_a_lapsed_entry() -> None:
    """It wrote the entry; its life counts from there, and the refresh is sent at all events."""
    lapsed = {"idle_refreshes": 0, "traffic_at": NOON - 3460}
    decision = decide(view(20_000, **lapsed), "ski")
    assert decision.action == "write"
    assert "traffic came back" in decision.reason
    fresh = decide(view(20_000, traffic_at=NOON - 100), "ski")
    assert (fresh.action, fresh.next_check) == ("wait", NOON - 100 + 3450)


def test_counted_traffic_too_long_ago_does_not_resume() -> None:
    assert decide(view(20_000, traffic_at=NOON - 3600), "ski").action == "rest"


def test_counted_traffic_does_not_extend_a_living_entry() -> None:
    assert decide(view(3460, traffic_at=NOON - 60), "ski").action == "refresh"


def test_five_minute_entries_have_their_own_interval_and_stop_within_the_hour() -> None:
    def short(age: float, idle: int, latency: float) -> str:
        touched = {"last_touch": NOON - age, "warm_until": NOON - age + 300}
        return decide(
            View(now=NOON, ttl=300, idle_refreshes=idle, latency=latency, **touched), "ski"
        ).action

    assert [short(209, 0, 0), short(210, 0, 0), short(300, 0, 0)] == ["wait", "refresh", "rest"]
    assert [short(250, 10, 0), short(250, 11, 0)] == ["refresh", "rest"]
    assert [short(250, 11, 10), short(250, 12, 10)] == ["refresh", "rest"]


@pytest.mark.parametrize(
    ("left", "cost", "alive", "action"),
    [
        (None, None, True, "refresh"),
        (0.01, 0.01, True, "refresh"),
        (0.0, 0.01, True, "rest"),
        (0.009, 0.01, True, "rest"),
        (1.0, None, True, "rest"),
        (0.19, 0.01, False, "rest"),
        (0.20, 0.01, False, "write"),
    ],
)
def test_the_budget_is_never_overdrawn(
    left: float | None, cost: float | None, alive: bool, action: str
) -> None:
    """A write costs twenty times a refresh; an unknown price is not affordable."""
    money = {"budget_left_usd": left, "cost_per_refresh_usd": cost}
    seen = view(3500, **money) if alive else View(now=NOON, **money)  # type: ignore[arg-type]
    assert decide(seen, "ski").action == action


def test_a_clock_that_went_backwards_waits_at_most_one_interval() -> None:
    ahead = View(now=NOON, last_touch=NOON + 86_400, warm_until=NOON + 90_000)
    decision = decide(ahead, "ski")
    assert (decision.action, decision.next_check) == ("wait", NOON + 3450)


def test_an_entry_of_unknown_touch_is_refreshed_after_one_interval() -> None:
    decision = decide(View(now=NOON, warm_until=NOON + 100), "ski")
    assert (decision.action, decision.next_check) == ("wait", NOON + 3450)


TIMES = st.one_of(st.none(), st.floats(NOON - 1e6, NOON + 1e6))


@given(
    rule=st.sampled_from(RULES),
    last_touch=TIMES,
    warm_until=TIMES,
    traffic_at=TIMES,
    ttl=st.sampled_from([300, 3600]),
    idle=st.integers(0, 1000),
    read=st.floats(0.01, 3),
    latency=st.floats(0, 1000),
    learned=st.binary(max_size=400),
    money=st.one_of(st.none(), st.floats(0, 1)),
)
def test_it_always_decides_and_time_goes_on(
    rule: str,
    last_touch: float | None,
    warm_until: float | None,
    traffic_at: float | None,
    ttl: int,
    idle: int,
    read: float,
    latency: float,
    learned: bytes,
    money: float | None,
) -> None:
    seen = View(
        now=NOON,
        last_touch=last_touch,
        warm_until=warm_until,
        ttl=ttl,
        idle_refreshes=idle,
        traffic_at=traffic_at,
        multipliers=Multipliers(read=read),
        latency=latency,
        learned=learned,
        budget_left_usd=money,
        cost_per_refresh_usd=money,
    )
    decision = decide(seen, Policy(rule=rule))
    assert decision.next_check is None or NOON < decision.next_check < math.inf
    assert decision.reason
    assert decision.ttl in (300, 3600)
    if decision.action == "refresh":
        assert seen.alive


@pytest.mark.parametrize("rule", ["hazard", "auto"])
@pytest.mark.parametrize("filling", [b"\xff", b"\x7f", b"\x00", b"7"])
def test_counters_that_no_version_wrote_are_forgotten(rule: str, filling: bytes) -> None:
    seen = View(now=NOON, last_touch=NOON - 3500, warm_until=NOON + 100, ttl=3600)
    arrivals = [NOON - 90_000, NOON - 10]
    sound = learn(seen, arrivals, rule)
    broken = replace(seen, learned=sound[:1] + filling * (len(sound) - 1))
    assert decide(broken, rule).action in ("wait", "refresh", "rest")
    later = learn(broken, arrivals, rule)
    assert len(later) == len(sound)
    assert decide(replace(seen, learned=later), rule).reason
