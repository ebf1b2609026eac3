"""The rules that learn: what they keep, and what they promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.policy import RULES, Multipliers, View, decide, learn, replay
from prefixwarm.policy.hazard import GRACE, SHARE

DAY = 86_400.0
USUAL = Multipliers()
MORNINGS = [day * DAY + hour * 3600 for day in range(40) for hour in range(8, 18)]


def learned(rule: str, arrivals: list[float], **fields: object) -> bytes:
    return learn(View(now=0, **fields), arrivals, rule)  # type: ignore[arg-type]


def refreshes(rule: str, counters: bytes, after: float, prices: Multipliers = USUAL) -> int:
    """How many refreshes in a row are made in the silence that follows."""
    count, now = 0, after + 3460
    view = View(now, multipliers=prices, learned=counters)
    while decide(
        replace(view, now=now, last_touch=now - 3460, warm_until=now + 140, idle_refreshes=count),
        rule,
    ).sends:
        count += 1
        now += 3480
    return count


@pytest.mark.parametrize("rule", RULES)
def test_counters_stay_within_400_bytes(rule: str) -> None:
    assert len(learned(rule, MORNINGS)) <= 400


@pytest.mark.parametrize("rule", ["hazard", "auto"])
def test_learning_piecemeal_is_learning_at_once(rule: str) -> None:
    once = learned(rule, MORNINGS)
    piecemeal = b""
    for at in MORNINGS:
        piecemeal = learned(rule, [at], learned=piecemeal)
    assert piecemeal == once


@pytest.mark.parametrize("rule", ["hazard", "auto"])
def test_traffic_that_was_seen_before_changes_nothing(rule: str) -> None:
    """A clock that goes backwards, or the same sign of traffic twice."""
    once = learned(rule, MORNINGS)
    assert learned(rule, [MORNINGS[-1], MORNINGS[0]], learned=once) == once


@pytest.mark.parametrize("rule", ["hazard", "auto"])
def test_counters_of_another_rule_are_started_anew(rule: str) -> None:
    other = learned("auto" if rule == "hazard" else "hazard", MORNINGS)
    assert learned(rule, MORNINGS[:3], learned=other) == learned(rule, MORNINGS[:3])


def test_hazard_learns_the_working_day() -> None:
    """In a pause at noon it holds on; after the last hour of the day it lets go by and by."""
    counters = learned("hazard", MORNINGS)
    noon = learned("hazard", [40 * DAY + h * 3600 for h in range(8, 12)], learned=counters)
    assert refreshes("hazard", noon, 40 * DAY + 11 * 3600) >= 1
    weekly = learned("hazard", [week * 7 * DAY for week in range(30)])
    assert refreshes("hazard", weekly, 29 * 7 * DAY) == 0


def test_hazard_begins_as_the_ski_rule() -> None:
    assert refreshes("hazard", b"", 0.0) == 19


PAUSES = [start * DAY + minute * 60.0 for start in range(40) for minute in range(0, 120, 8)]


@pytest.mark.parametrize("rule", ["hazard", "auto"])
@pytest.mark.parametrize(("arrivals", "worth"), [(PAUSES, 1), (MORNINGS, 0)])
def test_five_minute_entries_are_refreshed_where_the_pauses_are_short(
    rule: str, arrivals: list[float], worth: int
) -> None:
    """Where an hour is refused: eight minutes are bridged with one refresh, an hour is not."""
    counters, count = learned(rule, arrivals, ttl=300, warm_until=1.0), 0
    now = arrivals[-1] + 240
    while decide(
        View(
            now,
            now - 240,
            now + 60,
            ttl=300,
            idle_refreshes=count,
            learned=counters,
            longest_ttl=300,
        ),
        rule,
    ).sends:
        count, now = count + 1, now + 240
    assert count == worth


def test_after_a_refresh_the_next_look_follows_the_living_entry() -> None:
    """Also when the next write would carry the longer TTL."""
    counters, last = learned("hazard", PAUSES), PAUSES[-1]
    view = View(last + 240, last, last + 300, ttl=300, learned=counters)
    decision = decide(view, "hazard")
    assert (decision.action, decision.ttl) == ("refresh", 3600)
    assert decision.next_check == last + 240 + 210


def test_a_living_entry_is_looked_at_although_no_refresh_is_planned() -> None:
    """A request in between prolongs it, and may change the plan."""
    counters = learned("auto", [0.0], ttl=300)
    decision = decide(View(240.0, 0.0, 300.0, ttl=300, learned=counters), "auto")
    assert (decision.action, decision.next_check) == ("rest", 240.0 + 210)


def test_auto_stops_when_its_allowance_is_used_up_and_says_so() -> None:
    first = learned("auto", [0.0])
    decision = decide(View(3460.0, 0.0, 3600.0, learned=first, spent=2.0), "auto")
    assert decision.action == "rest"
    assert "has earned 0; more would risk to cost more than doing nothing" in decision.reason


def test_auto_keeps_a_busy_prefix_warm() -> None:
    counters = learned("auto", MORNINGS)
    assert refreshes("auto", counters, MORNINGS[-1]) >= 10
    assert decide(View(0, learned=counters)).ttl == 3600


def test_auto_does_not_pay_for_the_ttl_that_the_agent_itself_asks_for() -> None:
    """With a 1 hour entry anyway, a miss costs doing nothing as much; refreshes are earned."""
    daily = [day * DAY + hour * 3600 for day in range(60) for hour in range(8, 18, 2)]
    counters = learned("auto", daily, ttl=3600, warm_until=1.0)
    assert refreshes("auto", counters, daily[-1]) >= 1


def test_auto_leaves_a_rare_prefix_alone() -> None:
    counters = learned("auto", [week * 7 * DAY for week in range(30)])
    assert refreshes("auto", counters, 29 * 7 * DAY) == 0
    assert decide(View(1e9, 0, 1, learned=counters)).ttl == 300


GAPS = st.lists(
    st.one_of(st.floats(1, 600), st.floats(600, 8000), st.floats(8000, 400_000)),
    min_size=1,
    max_size=60,
)


@given(gaps=GAPS, latency=st.sampled_from([0.0, 2.0]))
def test_hazard_never_strays_far_above_the_ski_rule(gaps: list[float], latency: float) -> None:
    """The proven bound that the documentation states, with the refreshes of one last silence."""
    arrivals = [0.0]
    for gap in gaps:
        arrivals.append(arrivals[-1] + gap)
    end = arrivals[-1] + 40 * DAY
    ski = replay(arrivals, end, "ski", latency=latency).excess
    premium = 1.9 + latency
    most = (1 + SHARE) * ski + (GRACE + 3) * premium
    assert replay(arrivals, end, "hazard", latency=latency).excess <= most


def test_prices_belong_to_the_model() -> None:
    """With cheap reads a prefix may be rarer before it is left alone."""
    rare = [2 * day * DAY for day in range(60)]
    dear = learned("hazard", rare)
    cheap = learned("hazard", rare, multipliers=Multipliers(read=0.025))
    assert refreshes("hazard", dear, rare[-1]) < 10
    assert refreshes("hazard", cheap, rare[-1], Multipliers(read=0.025)) > 48
