"""From state and prices to the policy's view."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from prefixwarm.keepwarm.candidate import Candidate, fraction, paced, view_of
from prefixwarm.policy import Multipliers, Policy
from prefixwarm.state.model import METRIC, OBSERVED
from prefixwarm.state.warm_state import State
from tests.helpers.states import changed
from tests.unit.keepwarm.conftest import NOW, warm_call


def test_multipliers_are_the_models_own() -> None:
    """In units of one uncached read."""
    dear = {"input": 2.0, "read": 0.4, "write_5m": 3.0, "write_1h": 6.0}
    view = view_of(State(key="k"), warm_call(usd_per_mtok=dear), NOW, 0.0)
    assert view.multipliers == Multipliers(0.2, 1.5, 3.0)


def test_unknown_prices_take_the_usual_multipliers_and_no_dollars() -> None:
    """A decision needs a ratio; a budget needs dollars, and gets none."""
    call = warm_call(usd_per_mtok={})
    view = view_of(State(key="k"), call, NOW, 0.02)
    assert (view.multipliers, view.cost_per_refresh_usd) == (Multipliers(), None)


def test_waiting_is_priced_by_what_was_measured() -> None:
    """$0.02 a second, 1.5 s saved, $0.02 a read of the uncached prefix: 1.5 units."""
    state = State.of("k", write_ms=2000.0, read_ms=500.0)
    assert view_of(state, warm_call(), NOW, 0.02).latency == pytest.approx(1.5)
    assert view_of(State(key="k"), warm_call(), NOW, 0.02).latency == pytest.approx(1.0)


def test_the_account_is_fed_by_the_states_own_sums() -> None:
    """Whoever made the calls; $0.02 is one uncached read. Nobody observes where nothing counts."""
    counts = {"starts": 9, "start_hits": 7, "saves": 2}
    state = State.of("k", spent_usd=0.06, calls=3, agent_ttl=3600, longest_ttl=300, **counts)
    view = view_of(state, warm_call(), NOW, 0)
    assert (view.spent, view.agent_ttl, view.longest_ttl) == (pytest.approx(3.0), 3600, 300)
    assert (view.starts, view.start_hits, view.saves) == (9, 7, 2)
    lossy = view_of(state.replace(money=state.money.replace(losses=1)), warm_call(), NOW, 0)
    assert lossy.saves == 1
    unseen = view_of(State(key="k"), warm_call(), NOW, 0)
    assert (unseen.starts, unseen.agent_ttl, unseen.longest_ttl) == (None, 300, 3600)


def test_what_requests_ask_for_is_known_from_the_versions_before() -> None:
    """Until one of the present version's was seen."""
    shared = State.of("k", agent_ttl=3600)
    for own, expected in ((None, 3600), (300, 300)):
        state = State.of("k", agent_ttl=own)
        assert view_of(state, warm_call(), NOW, 0, shared).agent_ttl == expected


def test_calls_of_unknown_price_count_as_writes() -> None:
    """The allowance never grows by what is not known."""
    state = State.of("k", spent_usd=0.02, calls=3, unpriced=1)
    assert view_of(state, warm_call(), NOW, 0).spent == pytest.approx(6.0)


def test_counters_travel_as_text() -> None:
    """What is not theirs counts as none."""
    text = base64.b64encode(b"\x01\x02").decode()
    assert view_of(State.of("k", learned=text), warm_call(), NOW, 0).learned == b"\x01\x02"
    assert view_of(State.of("k", learned="?"), warm_call(), NOW, 0).learned == b""


def test_a_large_fleet_is_spread_over_five_minutes() -> None:
    """10,000 prefixes never fire together, nor later than the policy wants."""
    usual = Policy.of("ski").refresh_after(3600)
    names = [f"agent-{i}" for i in range(10_000)]
    after = [paced(Policy.of("ski"), name, 3600, len(names)).refresh_after(3600) for name in names]
    assert usual - 300 <= min(after) < usual - 290
    assert usual - 10 < max(after) <= usual
    per_second = [
        sum(1 for at in after if second <= at < second + 1) for second in range(3150, 3450)
    ]
    assert max(per_second) < 80


def test_a_small_fleet_loses_no_time_by_it() -> None:
    """One prefix is refreshed when the policy says."""
    usual = Policy.of("ski").refresh_after(3600)
    assert usual - paced(Policy.of("ski"), "support", 3600, 1).refresh_after(3600) < 0.1


def test_a_short_interval_is_not_spread_away() -> None:
    """A user's interval of ten seconds stays above zero."""
    policy = paced(Policy.of({"rule": "ski", "interval": 10}), "agent-7", 300, 10_000)
    assert policy.refresh_after(300) >= 5


def test_an_entry_that_outlives_the_policys_is_not_spread() -> None:
    """An agent wrote it for an hour; the policy writes for five minutes."""
    policy = Policy.of({"rule": "ski", "ttl": "5m"})
    assert paced(policy, "agent-7", 3600, 10_000) == policy


def test_a_write_asks_for_what_the_policy_wants_and_the_provider_grants(
    candidate: Candidate,
) -> None:
    """Whatever the living entry was granted, and never more than was granted before."""
    agents = replace(candidate, state=changed(candidate.state, granted_ttl=300))
    assert agents.decision(NOW).ttl == 3600
    refused = replace(candidate, state=changed(candidate.state, longest_ttl=300))
    assert refused.decision(NOW).ttl == 300
    fixed = replace(candidate, policy=Policy.of({"rule": "ski", "ttl": "5m"}))
    assert fixed.decision(NOW).ttl == 300


def test_a_budget_is_asked_for_what_a_write_asks_for(candidate: Candidate) -> None:
    """An agent wrote the lapsed entry for five minutes; ours is for an hour, and dearer."""
    lapsed = {"granted_ttl": 300, "warm_until": NOW - 900, "last_touch": NOW - 1200}
    traffic = {"traffic_at": NOW - 250, "idle": 0}
    altered = replace(candidate, state=changed(candidate.state, **lapsed, **traffic))
    assert (altered.decision(NOW).action, altered.decision(NOW).ttl) == ("write", 3600)
    assert altered.decision(NOW, 0.041).action == "write"
    refused = altered.decision(NOW, 0.03)
    assert (refused.action, refused.reason) == (
        "rest",
        "the budget is used up: $0.04 needed, $0.03 left",
    )


def test_a_call_is_priced_by_what_it_asks_for(candidate: Candidate) -> None:
    """A read while the entry lives, then the write with that TTL."""
    assert candidate.cost_usd(NOW, 300) == pytest.approx(0.002)
    lapsed = NOW + 7200
    assert candidate.cost_usd(lapsed, 300) == pytest.approx(0.025)
    assert candidate.cost_usd(lapsed, 3600) == pytest.approx(0.04)


def test_a_names_fraction_never_changes() -> None:
    """It would refresh early or late otherwise."""
    assert fraction("support") == fraction("support") == pytest.approx(0.500075, abs=1e-6)


def test_new_invocations_end_the_silence(candidate: Candidate) -> None:
    """Older ones than those known do not."""
    altered = replace(candidate, state=changed(candidate.state, idle=7, traffic_at=NOW - 4000))
    seen = altered.with_traffic([NOW - 4100, NOW - 500], NOW)
    assert (seen.evidence, seen.state.traffic.idle_refreshes, seen.state.traffic.at) == (
        "metric",
        0,
        NOW - 500,
    )
    unseen = altered.with_traffic([NOW - 4000], NOW)
    assert (unseen.evidence, unseen.state.traffic.idle_refreshes) == ("", 7)


def test_invocations_never_extend_the_entrys_life(candidate: Candidate) -> None:
    """Whether they read it is not known."""
    assert (
        candidate.with_traffic([NOW - 10], NOW).state.life.warm_until
        == candidate.state.life.warm_until
    )


def test_traffic_that_the_agent_told_of_is_shown_as_observed(candidate: Candidate) -> None:
    """Once: at the first check after it."""
    observed = replace(
        candidate, state=changed(candidate.state, traffic_at=candidate.state.life.last_touch)
    )
    assert observed.with_traffic([], NOW).evidence == "observed"
    assert observed.with_traffic([], NOW + 3600).evidence == ""


def test_a_prefix_that_was_never_written_asks_nobody(candidate: Candidate) -> None:
    """A metric costs a cent a thousand; functions are those of the deployment and of the state."""
    altered = replace(candidate, entry=replace(candidate.entry, functions=("a",)))
    altered = replace(altered, state=changed(candidate.state, functions=("b",)))
    assert altered.senders(NOW) == {"a", "b"}
    assert replace(altered, state=changed(altered.state, warm_until=None)).senders(NOW) == set()


def test_an_agent_that_reports_its_requests_is_not_asked_about(candidate: Candidate) -> None:
    """Its invocations say no more; where another function sends the prefix too, they may."""
    alone = replace(candidate, entry=replace(candidate.entry, functions=("a",)))
    state = changed(alone.state, traffic_at=NOW - 3600, traffic_by=OBSERVED, functions=("a",))
    reporting = replace(alone, state=state)
    assert reporting.senders(NOW) == set()
    assert reporting.senders(NOW + 24 * 3600) == {"a"}
    assert replace(alone, state=changed(state, traffic_by=METRIC)).senders(NOW) == {"a"}
    assert replace(alone, state=changed(state, functions=("b",))).senders(NOW) == {"a", "b"}
