"""Active hours, days and promised minutes, across changes of the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prefixwarm.errors import SettingsError
from prefixwarm.policy import Policy, View, decide, replay

PARIS = ZoneInfo("Europe/Paris")


def paris(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


def alive(now: float, age: float) -> View:
    return View(now=now, last_touch=now - age, warm_until=now - age + 3600)


OFFICE = {"rule": "ski", "hours": "08-20", "weekdays": "mon-fri", "timezone": "Europe/Paris"}


@pytest.mark.parametrize(
    ("now", "action"),
    [
        ("2026-11-20T08:00", "refresh"),
        ("2026-11-20T18:30", "refresh"),
        ("2026-11-20T20:00", "rest"),
        ("2026-11-20T07:59", "rest"),
        ("2026-11-21T12:00", "rest"),
        ("2026-12-25T12:00", "rest"),
    ],
)
def test_nothing_is_sent_outside_the_active_hours(now: str, action: str) -> None:
    policy = Policy.of(OFFICE | {"holidays": ["2026-12-25"]})
    assert decide(alive(paris(now), 3500), policy).action == action


def test_it_rests_until_the_hours_open_again() -> None:
    decision = decide(alive(paris("2026-11-20T21:00"), 3500), Policy.of(OFFICE))
    assert decision.next_check == paris("2026-11-23T08:00")


def test_an_entry_that_outlives_the_hours_is_not_refreshed() -> None:
    decision = decide(alive(paris("2026-11-20T19:59"), 3500), Policy.of(OFFICE))
    assert (decision.action, decision.reason) == ("rest", "warm until the active hours end")


@pytest.mark.parametrize(
    ("now", "action"),
    [
        ("2026-11-20T23:00", "refresh"),
        ("2026-11-21T05:00", "refresh"),
        ("2026-11-22T05:00", "rest"),
    ],
)
def test_hours_over_midnight_belong_to_the_day_they_start_on(now: str, action: str) -> None:
    policy = Policy.of(OFFICE | {"hours": "22:00-06:00"})
    assert decide(alive(paris(now), 3500), policy).action == action


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_hours_are_local_on_the_days_that_change_the_clock(day: str) -> None:
    policy = Policy.of(OFFICE | {"weekdays": "mon-sun"})
    assert decide(alive(paris(f"{day}T07:30"), 3500), policy).next_check == paris(f"{day}T08:00")
    assert decide(alive(paris(f"{day}T08:00"), 3500), policy).action == "refresh"


def test_a_promised_minute_that_the_clock_skips_comes_an_hour_later() -> None:
    policy = Policy.of({"rule": "never", "before": "02:30", "timezone": "Europe/Paris"})
    due = decide(View(now=paris("2026-03-29T01:00")), policy).next_check
    assert due == paris("2026-03-29T03:30") - 120


MORNING = {"rule": "ski", "before": "08:55", "weekdays": "mon-fri", "timezone": "Europe/Paris"}


def test_a_lapsed_prefix_is_written_just_before_the_promised_minute() -> None:
    now = paris("2026-11-20T08:53")
    decision = decide(View(now=now, last_touch=0, warm_until=3600), Policy.of(MORNING))
    assert (decision.action, decision.reason) == ("write", "to be warm by 08:55 Europe/Paris")


def test_it_wakes_for_the_promised_minute_however_long_it_would_rest() -> None:
    now = paris("2026-11-20T08:00")
    decision = decide(View(now=now, last_touch=0, warm_until=3600), Policy.of(MORNING))
    assert decision.next_check == paris("2026-11-20T08:53")
    friday = decide(
        View(now=paris("2026-11-20T09:30"), last_touch=0, warm_until=3600),
        Policy.of(MORNING | {"rule": "never"}),
    )
    assert friday.next_check == paris("2026-11-23T08:53")


def test_a_prefix_that_stays_warm_anyway_is_left_alone() -> None:
    now = paris("2026-11-20T08:53")
    assert decide(alive(now, 600), Policy.of(MORNING)).action == "wait"
    assert decide(alive(now, 3000), Policy.of(MORNING)).action == "write"


def test_a_promise_is_kept_in_a_replay() -> None:
    """One request at nine each day: do nothing misses each, the promise hits each but the first."""
    arrivals = [9 * 3600.0 + day * 86400 for day in range(10)]
    policy = Policy.of({"rule": "never", "before": "08:55", "ttl": "1h"})
    kept = replay(arrivals, arrivals[-1], policy)
    assert (kept.start_hits, kept.pings) == (9, 9)
    assert replay(arrivals, arrivals[-1], "never").start_hits == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sky", "write one of auto, ski"),
        ({"rule": "ski", "timezone": "Europe/Pariss"}, "Europe/Pariss"),
        ({"rule": "ski", "timezone": "../etc"}, "time zone"),
        ({"hours": "8"}, "such as 08:00-20:00"),
        ({"hours": "08-08"}, "two different times"),
        ({"hours": "25-26"}, "such as 08:55"),
        ({"before": "08:75"}, "such as 08:55"),
        ({"weekdays": "mon-fry"}, "weekday 'fry'"),
        ({"weekdays": []}, "at least one"),
        ({"holidays": ["25.12.2026"]}, "such as 2026-12-25"),
        ({"ttl": "2h"}, "5m or 1h"),
        ({"interval": 3600}, "each refresh would be a write"),
        ({"interval": 300, "ttl": "5m"}, "each refresh would be a write"),
        ({"interval": 0}, "interval 0"),
        ({"interval": "soon"}, "interval 'soon'"),
        ({"interval": float("nan")}, "interval nan"),
        ({"rules": "ski"}, "'rules' is unknown"),
        ({"weekdays": 5}, "such as mon-fri"),
        ({"timezone": 5}, "time zone 5"),
        (None, "a rule's name or an object"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is(value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Policy.of(value)
