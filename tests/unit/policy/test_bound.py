"""The clairvoyant bound against a search of everything that can be done."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import UsageError
from prefixwarm.policy import optimum, replay

WRITES = {300: 1.25, 3600: 2.0}


def exhaustive(arrivals: list[float], read: float, latency: float, tick: float) -> float:
    """Least cost over all choices of pings and TTLs, tick by tick."""
    cold = (-math.inf, 0)
    states = {cold: 0.0}
    ticks = [n * tick for n in range(int(arrivals[-1] // tick) + 1)]
    events = sorted([(at, 0) for at in arrivals] + [(at, 1) for at in ticks])
    for at, is_tick in events:
        after: dict[tuple[float, int], float] = {}

        def reach(state: tuple[float, int], cost: float, after=after) -> None:  # noqa: ANN001
            after[state] = min(cost, after.get(state, math.inf))

        for (expiry, ttl), cost in states.items():
            warm = at < expiry
            if is_tick:
                reach((expiry, ttl) if warm else cold, cost)
            if is_tick and at < arrivals[0]:
                continue
            if warm:
                reach((at + ttl, ttl), cost + read)
            else:
                for wanted, write in WRITES.items():
                    reach((at + wanted, wanted), cost + write + (0 if is_tick else latency))
        states = after
    return min(states.values())


GAPS = st.one_of(
    st.integers(1, 600), st.integers(3500, 3700), st.integers(6900, 7300), st.integers(1, 20000)
)


@given(
    first=st.integers(0, 3600),
    gaps=st.lists(GAPS, max_size=6),
    read=st.sampled_from([0.025, 0.1, 0.4]),
    latency=st.sampled_from([0.0, 0.05, 0.5, 2.0]),
    tick=st.sampled_from([60, 300, 1200]),
)
def test_the_bound_is_the_least_of_everything_that_can_be_done(
    first: int, gaps: list[int], read: float, latency: float, tick: int
) -> None:
    arrivals = [float(first)]
    for gap in gaps:
        arrivals.append(arrivals[-1] + gap)
    least = optimum(arrivals, arrivals[-1], read=read, latency=latency, tick=tick)
    assert least.total == pytest.approx(exhaustive(arrivals, read, latency, tick))


@given(
    gaps=st.lists(st.floats(0, 200_000), min_size=1, max_size=30),
    policy=st.sampled_from(["never", "always", "ski", "hazard", "auto"]),
    latency=st.sampled_from([0.0, 2.0]),
)
def test_no_policy_is_cheaper_than_the_bound(
    gaps: list[float], policy: str, latency: float
) -> None:
    arrivals = [0.0]
    for gap in gaps:
        arrivals.append(arrivals[-1] + gap)
    end = arrivals[-1] + 50_000
    bound = optimum(arrivals, end, latency=latency)
    spent = replay(arrivals, end, policy, latency=latency)
    assert spent.excess >= bound.excess - 1e-9
    assert spent.starts == bound.starts


@given(
    gaps=st.lists(st.one_of(st.floats(3400, 3610), st.floats(0, 9e4)), min_size=1, max_size=30),
    read=st.sampled_from([0.025, 0.1]),
    latency=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_the_ski_rule_keeps_its_competitive_bound(
    gaps: list[float], read: float, latency: float
) -> None:
    """The bound of the documentation, with the refreshes after the last request on top."""
    arrivals = [0.0]
    for gap in gaps:
        arrivals.append(arrivals[-1] + gap)
    end = arrivals[-1] + 90 * 86_400
    premium = 2.0 - read + latency
    ratio = 2 * premium / (1.25 - read + min(latency, read))
    least = optimum(arrivals, end, read=read, latency=latency).total
    assert replay(arrivals, end, "ski", read=read, latency=latency).total <= ratio * least + premium


@pytest.mark.parametrize(
    ("latency", "account", "total"),
    [
        (0.0, (2, 2, 2, 1), 2.0 + 2 * 0.1 + 0.1 + 1.25),
        (2.0, (3, 1, 2, 2), 4.0 + 2 * 0.1 + 0.1 + 1.25 + 0.1),
    ],
)
def test_the_account_of_the_bound_adds_up(
    latency: float, account: tuple[int, ...], total: float
) -> None:
    """Two pings bridge the first gap; the day is lapsed, and only a dear wait is warmed away."""
    arrivals = [0.0, 7200.0, 7200.0 + 86400]
    least = optimum(arrivals, arrivals[-1], latency=latency)
    assert (least.pings, least.misses, least.starts, least.start_hits) == account
    assert least.total == pytest.approx(total)


def test_nothing_costs_nothing() -> None:
    assert optimum([], 86400.0).total == 0


def test_bad_arrivals_are_refused_as_in_replay() -> None:
    with pytest.raises(UsageError, match="arrival 2"):
        optimum([5.0, 4.0], 10.0)
