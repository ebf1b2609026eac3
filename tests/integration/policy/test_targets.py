"""What the rules reach on the arrivals that ship with the project."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from prefixwarm.policy import Policy, Replay, optimum, replay
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from tests.integration.policy.conftest import Series


def here(first: tuple[float, ...], *others: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The first of these cases, and all of them with full numbers: each replays a year."""
    return chosen(dev=[first], ci=[first], full=[first, *others])


@cache
def spent(series: Series, policy: str | Policy, latency: float) -> Replay:
    """Made once, as many tests compare with it."""
    return replay(series.arrivals, series.end, policy, latency=latency)


@cache
def least(series: Series, latency: float) -> Replay:
    """What hindsight would have spent."""
    return optimum(series.arrivals, series.end, latency=latency)


def spend(all_series: list[Series], policy: str | Policy, latency: float = 0.0) -> list[Replay]:
    return [spent(series, policy, latency) for series in all_series]


def bound(all_series: list[Series], latency: float = 0.0) -> list[Replay]:
    return [least(series, latency) for series in all_series]


def excess(accounts: list[Replay]) -> float:
    return sum(account.excess for account in accounts)


@pytest.mark.parametrize(("latency", "ratio", "hits"), here((0.0, 1.425, 0.85), (2.0, 1.825, 0.94)))
def test_hazard_on_a_year_of_commits(
    commits: list[Series], latency: float, ratio: float, hits: float
) -> None:
    hazard = spend(commits, "hazard", latency)
    assert excess(hazard) / excess(bound(commits, latency)) <= ratio
    rate = sum(one.start_hits for one in hazard) / sum(one.starts for one in hazard)
    assert rate >= hits


@pytest.mark.parametrize(("latency", "ratio"), here((0.0, 1.71), (2.0, 1.99)))
def test_ski_on_a_year_of_commits(commits: list[Series], latency: float, ratio: float) -> None:
    assert excess(spend(commits, "ski", latency)) / excess(bound(commits, latency)) <= ratio


def test_auto_is_never_dearer_than_doing_nothing(
    commits: list[Series], synthetic: list[Series]
) -> None:
    """But for a first write a week."""
    for one in (*commits, *synthetic):
        first_writes = 2.0 * (one.end // (7 * 86_400) + 1)
        auto, nothing = spent(one, "auto", 0.0), spent(one, "never", 0.0)
        assert auto.excess <= 1.05 * nothing.excess + first_writes + 1e-6, one.name


@pytest.mark.parametrize(("latency", "ratio", "hits"), here((0.0, 1.41, 0.80), (2.0, 1.825, 0.94)))
def test_auto_on_a_year_of_commits(
    commits: list[Series], latency: float, ratio: float, hits: float
) -> None:
    auto = spend(commits, "auto", latency)
    assert excess(auto) / excess(bound(commits, latency)) <= ratio
    rate = sum(one.start_hits for one in auto) / sum(one.starts for one in auto)
    assert rate >= hits


def test_auto_is_cheaper_than_either_of_its_choices(commits: list[Series]) -> None:
    auto = excess(spend(commits, "auto"))
    assert auto < 0.86 * excess(spend(commits, "ski"))
    assert auto < 0.57 * excess(spend(commits, "never"))


def test_auto_follows_hazard_from_the_start_where_waiting_has_a_price(
    commits: list[Series],
) -> None:
    few = commits[2:5]
    assert excess(spend(few, "auto", 2.0)) <= 1.001 * excess(spend(few, "hazard", 2.0))


@pytest.mark.parametrize(("latency", "most"), here((0.0, 0.93), (2.0, 0.8)))
def test_where_an_hour_is_refused_short_refreshes_are_cheaper_than_none(
    commits: list[Series], latency: float, most: float
) -> None:
    """And than the ski rule's, which are too many."""
    few = commits[:2]
    auto, ski, never = (
        excess(spend(few, Policy(rule, ttl=300), latency)) for rule in ("auto", "ski", "never")
    )
    assert auto < ski
    assert auto <= most * never


@pytest.mark.parametrize("latency", chosen(dev=[0.0], ci=[0.0], full=[0.0, 2.0]))
def test_hazard_keeps_its_bound_on_every_series(
    commits: list[Series], synthetic: list[Series], latency: float
) -> None:
    """A quarter above the ski rule and seven misses, the adversary among them."""
    for series in (commits[:4], synthetic):
        pairs = zip(spend(series, "hazard", latency), spend(series, "ski", latency), strict=True)
        assert all(one.excess <= 1.25 * ski.excess + 7 * (1.9 + latency) for one, ski in pairs)


def test_one_hour_pings_against_four_minute_pings(commits: list[Series]) -> None:
    """Both hit every first request; one or two repositories are enough to see it."""
    few = commits[2 : chosen(dev=3, ci=3, full=4)]
    hourly = spend(few, Policy("always"))
    often = spend(few, Policy("always", ttl=300, interval=240))
    assert all(one.start_hits == one.starts for one in (*hourly, *often))
    assert excess(hourly) < 0.068 * excess(often)


@pytest.mark.parametrize("latency", [0.0, 2.0])
def test_ski_keeps_its_bound_on_every_series(
    commits: list[Series], synthetic: list[Series], latency: float
) -> None:
    """The built adversary among them: twice the miss, against what hindsight pays for one."""
    most = 2 * (1.9 + latency) / (1.15 + min(latency, 0.1))
    for series in (commits, synthetic):
        pairs = zip(spend(series, "ski", latency), bound(series, latency), strict=True)
        for one, (ski, hindsight) in zip(series, pairs, strict=True):
            assert ski.excess <= most * hindsight.excess + 1e-6, one.name
