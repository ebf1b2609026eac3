"""One allowance per prefix pays for all that the default rule sends on speculation."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.policy import Multipliers, View, decide, learn, replay
from prefixwarm.policy.account import Account
from prefixwarm.policy.decide import carry_over, start_allowance
from prefixwarm.policy.run import Event
from tests.helpers.effort import chosen

HOUR, DAY = 3600.0, 86_400.0
WEEK = 7 * DAY
FIRST_WRITE = 2.0
# Of the first start of all, which goes before the agent says that it is observed.
FIRST_START = 1.25

GAPS = st.lists(
    st.one_of(st.floats(1, 600), st.floats(600, 8000), st.floats(8000, 400_000)),
    min_size=1,
    max_size=30,
)


def every(seconds: float, until: float, first: float = 0.0) -> list[float]:
    """Moments at a fixed distance."""
    return [first + number * seconds for number in range(int((until - first) // seconds) + 1)]


def nothing(
    arrivals: list[float],
    end: float,
    read: float = 0.1,
    agent_ttl: int | None = 300,
    deployments: list[float] | None = None,
) -> float:
    """What the requests alone would cost."""
    spent = replay(
        arrivals, end, "never", read=read, agent_ttl=agent_ttl, deployments=deployments or []
    )
    return spent.total


def first_writes(end: float, *, ahead: bool) -> float:
    """One for each week that has begun, and one that may be brought forward from the next."""
    return FIRST_WRITE * (end // WEEK + 1 + ahead)


@given(
    gaps=GAPS,
    deployments=GAPS,
    read=st.sampled_from([0.025, 0.05, 0.1]),
    agent_ttl=st.sampled_from([None, 300, 3600]),
    silence=st.sampled_from([0.0, DAY, 30 * DAY]),
)
def test_it_never_costs_more_than_the_allowance(
    gaps: list[float], deployments: list[float], read: float, agent_ttl: int | None, silence: float
) -> None:
    """At any moment of any traffic, whenever it is deployed, and whoever chooses the TTL."""
    arrivals, deployed = list(accumulate(gaps)), [0.0, *accumulate(deployments)]
    end = arrivals[-1] + silence
    ours = replay(arrivals, end, "auto", read=read, agent_ttl=agent_ttl, deployments=deployed)
    most = 1.05 * nothing(arrivals, end, read, agent_ttl, deployed)
    assert ours.total <= most + first_writes(end, ahead=agent_ttl == 300) + 1e-6


@given(
    gaps=GAPS, read=st.sampled_from([0.025, 0.05, 0.1]), silence=st.sampled_from([0.0, 30 * DAY])
)
def test_where_the_agent_follows_the_rule_no_first_write_is_brought_forward(
    gaps: list[float], read: float, silence: float
) -> None:
    """Nor is a share of the reads that any policy pays put aside: the excess keeps the bound."""
    arrivals = list(accumulate(gaps))
    end = arrivals[-1] + silence
    ours = replay(arrivals, end, "auto", read=read).excess
    least = replay(arrivals, end, "never", read=read).excess
    assert ours <= 1.05 * least + first_writes(end, ahead=False) + 1e-6


@given(
    gaps=GAPS,
    read_by=st.lists(st.booleans(), min_size=30, max_size=30),
    agent_ttl=st.sampled_from([300, 3600]),
    deployments=st.one_of(st.just([]), GAPS),
)
def test_starts_cost_one_read_each_and_what_nobody_reads_is_of_the_allowance(
    gaps: list[float], read_by: list[bool], agent_ttl: int, deployments: list[float]
) -> None:
    """Some starts are followed by a request two seconds later, and some by none."""
    starts, deployed = list(accumulate(gaps)), [0.0, *accumulate(deployments)]
    arrivals = [at + 2 for at, is_read in zip(starts, read_by, strict=False) if is_read]
    end = starts[-1] + DAY
    terms = {"agent_ttl": agent_ttl, "deployments": deployed}
    ours = replay(arrivals, end, "auto", init_starts=starts, **terms)  # type: ignore[arg-type]
    most = 1.05 * nothing(arrivals, end, **terms)  # type: ignore[arg-type]
    most += first_writes(end, ahead=agent_ttl == 300) + FIRST_START
    assert ours.total <= most + 0.1 * len(starts) + 1e-6


EVERY_HALF_HOUR = [15 * HOUR + 1750.0 * number for number in range(18)]


@pytest.mark.parametrize("deployments", [[0.0], [0.0, 20 * HOUR]])
def test_an_entry_shorter_than_the_agents_own_costs_it_a_miss_that_counts(
    deployments: list[float],
) -> None:
    """The first start writes 5 minutes before it is seen that the agent asks for an hour.

    The request behind it would have read its own hour. It is counted against the account, and the
    next version's starts know what requests ask for.
    """
    events = list[Event]()
    starts = [EVERY_HALF_HOUR[0] - 2, *(at - 2 for at in EVERY_HALF_HOUR if at > 20 * HOUR)]
    ours = replay(
        EVERY_HALF_HOUR,
        2 * DAY,
        "auto",
        read=0.05,
        agent_ttl=3600,
        deployments=deployments,
        init_starts=starts,
        watch=events.append,
    )
    least = nothing(EVERY_HALF_HOUR, 2 * DAY, 0.05, 3600, deployments)
    assert ours.total <= 1.05 * least + FIRST_WRITE + FIRST_START + 0.05 * len(starts)
    lives = [event.warm_until - event.at for event in events if event.kind == "init"]
    assert lives[0] == 300
    assert set(lives[1:]) <= {3600}


def test_what_the_first_start_of_all_has_spent_is_no_debt_beside_a_first_write() -> None:
    """Once: the agent then says that it is observed."""
    begun = View(now=HOUR, warm_until=HOUR, agent_ttl=300, spent=3.25)
    unseen = learn(begun, [])
    seen = learn(replace(begun, learned=unseen, starts=0), [])
    once_more = learn(replace(begun, learned=seen, starts=0, spent=4.5), [])
    for learned, spent, left in ((unseen, 3.25, -1.25), (seen, 3.25, 0.0), (once_more, 4.5, -1.25)):
        account = Account.unpack(learned)
        assert account is not None
        assert account.allowance(View(now=HOUR, starts=0, spent=spent, agent_ttl=300)) == left


def test_starts_that_serve_no_request_stop_however_much_was_earned() -> None:
    """A health check that starts environments goes on for weeks after the last request."""
    busy = every(1800, 10 * DAY, 600)
    starts = every(3 * HOUR, 40 * DAY, 11 * DAY)
    ours = replay(busy, 40 * DAY, "auto", agent_ttl=300, deployments=[0.0], init_starts=starts)
    alone = replay(busy, 40 * DAY, "auto", agent_ttl=300, deployments=[0.0])
    assert ours.init > 0
    assert ours.total - alone.total <= 3 * FIRST_WRITE + 20 * 0.1


def test_the_hour_comes_before_starts() -> None:
    """Starts that nobody reads do not use up what an hour for the others would save."""
    arrivals = [day * DAY + 9 * HOUR + m * 60.0 for day in range(30) for m in range(0, 180, 20)]
    starts = every(4 * HOUR, 30 * DAY, 2 * HOUR)
    ours = replay(arrivals, 30 * DAY, "auto", agent_ttl=300, deployments=[0.0], init_starts=starts)
    assert ours.start_hits > 0.85 * ours.starts


def test_versions_that_nobody_observes_are_written_once() -> None:
    """Their requests may ask for an hour themselves; nothing would show that it is wasted."""
    arrivals = every(900, 8 * DAY, 600)
    deployments = every(1.5 * HOUR, 8 * DAY)
    ours = replay(
        arrivals, 8 * DAY, "auto", agent_ttl=3600, observed=False, deployments=deployments
    )
    assert ours.deployment == FIRST_WRITE


@pytest.mark.parametrize("days", [1, 28])
def test_deployments_without_traffic_cost_one_first_write(days: int) -> None:
    """Twenty of them, in a day or in four weeks."""
    deployments = every(days * DAY / 20, days * DAY - 1)
    ours = replay([], days * DAY, "auto", deployments=deployments)
    assert (len(deployments), ours.total, ours.deployment) == (20, FIRST_WRITE, FIRST_WRITE)


def test_a_prefix_in_use_is_written_at_its_next_deployment() -> None:
    """It has earned that; one that died is left alone, however much it has earned."""
    busy = every(1800, 5 * DAY, 600)
    used = replay(busy, 5 * DAY, "auto", agent_ttl=300, deployments=[0.0, 4 * DAY])
    assert used.deployment == 2 * FIRST_WRITE
    dead = replay(busy, 40 * DAY, "auto", agent_ttl=300, deployments=[0.0, 30 * DAY])
    assert dead.deployment == FIRST_WRITE


AGENTS = [(600.0, 300), (3 * HOUR, 300), (9 * DAY, 300), (600.0, None), (9 * DAY, None)]


@pytest.mark.parametrize("read", [0.1, 0.05])
@pytest.mark.parametrize(
    ("first", "agent_ttl"), chosen(dev=[AGENTS[1], AGENTS[-1]], ci=AGENTS, full=AGENTS)
)
def test_the_order_of_deployment_and_first_request_does_not_matter(
    read: float, first: float, agent_ttl: int | None
) -> None:
    """A request every 30 minutes finds the hour, whoever asks for which TTL."""
    end = first + 20 * DAY
    arrivals = every(1800, end, first)
    ours = replay(arrivals, end, "auto", read=read, agent_ttl=agent_ttl, deployments=[0.0])
    assert ours.total <= 1.15 * (FIRST_WRITE + read * len(arrivals))


@pytest.mark.parametrize("minutes", [10, 15, 20, 30, 45, 55, 61])
@pytest.mark.parametrize("read", [0.1, 0.05])
def test_no_refresh_is_paid_for_that_cannot_reach_the_next_request(
    minutes: int, read: float
) -> None:
    """Useless calls end with what shows that they are useless."""
    arrivals, events = every(minutes * 60, 4 * DAY), list[Event]()
    replay(
        arrivals, 4 * DAY, "auto", read=read, agent_ttl=300, deployments=[0.0], watch=events.append
    )
    kinds = [event.kind for event in events if event.at > DAY]
    assert set(kinds) == {"hit"} if minutes < 60 else {"hit", "refresh"}


def test_starts_that_nobody_reads_stop_being_warmed() -> None:
    """A function that calls no model, or an environment that no request ever reaches."""
    starts = every(2 * HOUR, 20 * DAY, HOUR)
    ours = replay([], 20 * DAY, "auto", agent_ttl=300, deployments=[0.0], init_starts=starts)
    assert ours.total <= FIRST_WRITE * 3
    unobserved = replay([], 20 * DAY, "auto", observed=False, init_starts=starts, init_per_week=5.0)
    assert 0 < unobserved.init <= 5.0 * 3


def test_starts_whose_requests_read_are_warmed_for_ever() -> None:
    """Each costs one read more than doing nothing, and no more."""
    arrivals = every(26 * HOUR, 60 * DAY, 5 * HOUR)
    starts = [at - 2 for at in arrivals]
    ours = replay(arrivals, 60 * DAY, "auto", agent_ttl=300, init_starts=starts)
    assert ours.misses == 0
    assert ours.total <= 1.09 * nothing(arrivals, 60 * DAY) + FIRST_WRITE


def test_the_next_version_goes_on_with_the_same_account() -> None:
    """Its learner, and its debt; so deployments earn nothing."""
    view = View(now=HOUR, warm_until=HOUR, ttl=3600, agent_ttl=300, spent=2.0, starts=0)
    opened = carry_over(view)
    account = Account.unpack(opened)
    assert account is not None
    assert account.allowance(View(now=HOUR, agent_ttl=300, starts=0)) == 0.0
    assert start_allowance(View(now=HOUR, learned=opened, agent_ttl=300, starts=0)) == 0.0
    next_week = View(now=WEEK, learned=opened, agent_ttl=300, starts=0)
    assert start_allowance(next_week) == FIRST_WRITE
    assert carry_over(View(now=0, learned=b"x"), "ski") == b"x"
    assert start_allowance(View(now=0), "ski") is None


def test_an_agent_that_asks_for_one_hour_is_compared_with_itself() -> None:
    """Doing nothing would have its hour, too: hits within it have saved nothing."""
    view = View(now=DAY, agent_ttl=3600, starts=100, start_hits=99, saves=0, spent=2.0)
    learned = learn(view, [DAY])
    account = Account.unpack(learned)
    assert account is not None
    assert account.debt(view) == pytest.approx(2.0 - 0.05 * 1.9)
    assert decide(View(now=DAY, learned=learned, agent_ttl=3600)).ttl == 3600


def test_prices_of_the_model_count() -> None:
    """The first write is the model's own."""
    dear = Multipliers(read=0.1, write_5m=1.25, write_1h=4.0)
    view = View(now=0.0, multipliers=dear, starts=0, warm_until=1.0)
    account = Account.unpack(learn(view, []))
    assert account is not None
    assert account.allowance(view) == 4.0
