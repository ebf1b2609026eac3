"""What the rules reach on the arrivals that ship with the project."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.policy import Policy, Replay, optimum, replay

Series = list[dict[str, Any]]


def spend(series: Series, policy: str | Policy, latency: float = 0.0) -> list[Replay]:
    return [replay(one["arrivals"], one["end"], policy, latency=latency) for one in series]


def excess(accounts: list[Replay]) -> float:
    return sum(account.excess for account in accounts)


def bound(series: Series, latency: float = 0.0) -> list[Replay]:
    return [optimum(one["arrivals"], one["end"], latency=latency) for one in series]


@pytest.mark.parametrize(("latency", "ratio", "hits"), [(0.0, 1.46, 0.85), (2.0, 1.86, 0.93)])
def test_hazard_on_a_year_of_commits(
    commits: Series, latency: float, ratio: float, hits: float
) -> None:
    spent = spend(commits, "hazard", latency)
    assert excess(spent) / excess(bound(commits, latency)) <= ratio
    rate = sum(one.start_hits for one in spent) / sum(one.starts for one in spent)
    assert rate >= hits


@pytest.mark.parametrize(("latency", "ratio"), [(0.0, 1.75), (2.0, 2.05)])
def test_ski_on_a_year_of_commits(commits: Series, latency: float, ratio: float) -> None:
    assert excess(spend(commits, "ski", latency)) / excess(bound(commits, latency)) <= ratio


def test_auto_is_never_dearer_than_doing_nothing(commits: Series, synthetic: Series) -> None:
    for series in (commits, synthetic):
        pairs = zip(spend(series, "auto"), spend(series, "never"), strict=True)
        assert all(auto.excess <= 1.05 * nothing.excess + 1e-6 for auto, nothing in pairs)


def test_auto_is_cheaper_than_either_of_its_choices(commits: Series) -> None:
    auto = excess(spend(commits, "auto"))
    assert auto < 0.95 * excess(spend(commits, "ski"))
    assert auto < 0.7 * excess(spend(commits, "never"))


def test_one_hour_pings_against_four_minute_pings(commits: Series) -> None:
    """Both hit every first request; two repositories are enough to see it."""
    few = commits[2:4]
    hourly = spend(few, Policy("always"))
    often = spend(few, Policy("always", ttl=300, interval=240))
    assert all(one.start_hits == one.starts for one in (*hourly, *often))
    assert excess(hourly) < 0.07 * excess(often)


@pytest.mark.parametrize("latency", [0.0, 2.0])
def test_ski_keeps_its_bound_on_every_series(
    commits: Series, synthetic: Series, latency: float
) -> None:
    """The built adversary among them: twice the miss, against what hindsight pays for one."""
    most = 2 * (1.9 + latency) / (1.15 + min(latency, 0.1))
    for series in (commits, synthetic):
        pairs = zip(spend(series, "ski", latency), bound(series, latency), strict=True)
        for one, (spent, least) in zip(series, pairs, strict=True):
            assert spent.excess <= most * least.excess + 1e-6, one["series"]
