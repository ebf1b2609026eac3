"""A prefix's life under the keep-warm function: hours pass on the simulated clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.keepwarm.budget import day_of, total_key
from prefixwarm.keepwarm.selection import CandidateSelector
from prefixwarm.prefix.prefix_file import build, dumps
from prefixwarm.prices import lookup
from prefixwarm.state.model import Lease, LeaseRequest, Result, SessionStart
from prefixwarm.wire.deadline import Deadline
from tests.helpers.agents import request_of
from tests.helpers.derived import derive
from tests.integration.keepwarm.conftest import prefix_file, ticked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.state.warm_state import State
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0


@pytest.fixture
def world(long_lived: World) -> World:
    """One for many hours."""
    return long_lived


def test_a_new_prefix_is_written_once(world: World) -> None:
    """And left alone as long as it is warm."""
    world.deploy("support")
    first = world.tick()
    assert [outcome.kind for outcome in first.outcomes] == ["written"]
    assert not any(report.outcomes for report in world.passes(50 * MINUTE))
    assert len(world.warm_calls()) == 1
    assert world.agent_asks("support").cache_read_input_tokens


def test_it_is_refreshed_within_the_hour(world: World) -> None:
    """After 55 minutes, before 60, by a read."""
    world.deploy("support")
    written = world.tick().outcomes[0].started_at
    (refresh,) = [o for report in world.passes(HOUR) for o in report.outcomes]
    assert refresh.kind == "refreshed"
    assert 55 * MINUTE <= refresh.started_at - written < HOUR
    assert world.state("support").traffic.idle_refreshes == 1
    assert world.state("support").last_decision.reason.startswith("refresh 1")


def test_real_traffic_that_was_observed_saves_the_refresh(world: World) -> None:
    """The agent's own read has refreshed the entry for free."""
    world.deploy("support")
    world.tick()
    world.passes(40 * MINUTE, 10 * MINUTE)
    started = world.sim.now()
    world.agent_asks("support")
    world.runtime.dependencies.store.record_use(
        world.key("support"), started, 3600, Deadline.after(60)
    )
    assert not any(report.outcomes for report in world.passes(50 * MINUTE))


def test_it_stops_after_the_break_even_count_of_idle_refreshes(world: World) -> None:
    """Nineteen reads cost as much as the write they avoid."""
    world.deploy("support")
    world.tick()
    outcomes = [o for report in world.passes(24 * HOUR, 2 * MINUTE) for o in report.outcomes]
    assert [outcome.kind for outcome in outcomes] == ["refreshed"] * 19
    assert world.state("support").traffic.idle_refreshes == 19
    assert not world.sim.entries()


def test_invocations_alone_keep_it_warm_for_longer(world: World) -> None:
    """An invocation ends the silence, and never extends the entry's life."""
    world.deploy("support")
    world.tick()
    world.passes(15 * HOUR, 2 * MINUTE)
    warm_until = world.state("support").life.warm_until
    assert world.state("support").traffic.idle_refreshes == 15
    assert world.state("support").traffic.at is None
    world.invoked("support")
    (refresh,) = [o for r in world.passes(HOUR, 2 * MINUTE) for o in r.outcomes]
    assert refresh.kind == "refreshed"
    assert refresh.started_at < (warm_until or 0)
    assert world.state("support").traffic.at
    assert world.state("support").traffic.idle_refreshes == 1
    assert len(world.warm_calls()) == 17


def test_it_resumes_when_traffic_comes_back(world: World) -> None:
    """The agent's own request writes the entry, its invocation is all that is seen of it."""
    world.deploy("support")
    world.tick()
    world.passes(21 * HOUR, 2 * MINUTE)
    assert not world.sim.entries()
    world.invoked("support")
    assert world.agent_asks("support").cache_creation_input_tokens
    outcomes = [o for report in world.passes(2 * HOUR) for o in report.outcomes]
    assert {outcome.kind for outcome in outcomes} == {"refreshed"}
    assert world.sim.entries()


def test_a_late_tick_drops_the_refresh(world: World) -> None:
    """A refresh of a lapsed entry would be a write; the next real request makes that."""
    world.deploy("support")
    world.tick()
    world.sim.advance(61 * MINUTE)
    report = world.tick()
    assert (report.due, report.outcomes) == (1, [])
    assert world.state("support").last_decision.reason.startswith("cold")


def test_a_clock_that_goes_back_sends_nothing(world: World) -> None:
    """Nothing is due before its time, and life goes on when the time comes."""
    world.deploy("support")
    world.tick()
    world.clock_error = -2 * HOUR
    assert not any(report.due or report.outcomes for report in world.passes(10 * MINUTE))
    world.clock_error = 0.0
    assert [o.kind for r in world.passes(HOUR) for o in r.outcomes] == ["refreshed"]


def test_what_is_due_is_looked_at_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their prompts need not fit into memory together; what is sent is the same."""
    sizes: list[int] = []
    candidates = CandidateSelector.candidates

    def counted(look: CandidateSelector, states: Sequence[State]) -> list[Candidate]:
        sizes.append(len(states))
        return candidates(look, states)

    monkeypatch.setattr(CandidateSelector, "candidates", counted)
    world.at_once = 2
    world.deploy("a", "b", "c", "d", "e")
    world.tick()
    world.passes(MINUTE)
    world.passes(50 * MINUTE, 10 * MINUTE)
    sizes.clear()
    world.sim.advance(7.6 * MINUTE)
    assert [o.kind for o in world.tick().outcomes] == ["refreshed"] * 5
    assert sizes == [2, 2, 1]


def test_a_removed_prefix_is_no_longer_kept_warm(world: World) -> None:
    """It leaves the index of what is due."""
    world.deploy("support", "sales")
    world.tick()
    world.deploy("sales")
    outcomes = [o for report in world.passes(HOUR) for o in report.outcomes]
    assert [outcome.name for outcome in outcomes] == ["sales"]
    assert world.state("support").last_decision.due_at is None


def true_prices() -> dict[str, Any]:
    """What the simulated provider bills."""
    prices = lookup("claude-sonnet-5-5")
    assert prices
    names = ("input", "read", "write_5m", "write_1h", "output")
    table = {name: float(getattr(prices, name)) for name in names}
    return {"as_of": prices.as_of, "source": prices.source, "usd_per_mtok": table}


def test_the_books_agree_with_the_provider(world: World) -> None:
    """Ledger, total and lifetime sum are what the provider billed."""
    files = {name: dumps(prefix_file(name, true_prices())) for name in ("support", "sales")}
    world.deploy_entries([world.upload(name, text) for name, text in files.items()])
    world.tick()
    world.passes(3 * HOUR, 2 * MINUTE)
    store, deadline = world.runtime.dependencies.store, Deadline.after(60)
    day = day_of(world.sim.now())
    ledgers = [store.ledger(world.key(name), [day], deadline)[0] for name in ("support", "sales")]
    (total,) = store.ledger(total_key(""), [day], deadline)
    billed = float(sum(request["cost_usd"] for request in world.warm_calls()))
    assert total.outcomes == {"written": 2, "refreshed": 6}
    assert total.spent_usd == pytest.approx(sum(ledger.spent_usd for ledger in ledgers))
    assert total.spent_usd == pytest.approx(billed)
    assert ledgers[0].spent_usd == pytest.approx(world.state("support").money.keepwarm_usd)
    assert total.others_usd == 0


def test_savings_and_others_dollars_are_in_the_ledger(world: World) -> None:
    """Of an observed start that our refresh saved, and of an init phase; once, with a metric."""
    world.deploy("support")
    world.tick()
    world.passes(2 * HOUR, 2 * MINUTE)
    store, deadline = world.runtime.dependencies.store, Deadline.after(60)
    others = LeaseRequest(
        name="support", owner="env", now=world.now(), seconds=1, needed_until=9e9, by="agent"
    )
    state, _ = store.take_lease(world.key("support"), others, deadline)
    lease = Lease(key=state.key, owner="env", token=state.lease.token)
    now = world.now()
    spent = Result(
        outcome="written", started=now, ttl=3600, max_tokens=0, due_at=now, cost_usd=0.5, by="agent"
    )
    store.record(lease, spent, deadline)
    start = SessionStart(at=now, quiet=300.0, hit=True, saved=True, saved_usd=0.25)
    store.count_start(world.key("support"), start, deadline)
    reports = world.passes(2 * HOUR, 2 * MINUTE)
    assert sum(report.metrics()["SavedUSD"][0] for report in reports) == 0.25
    for key in (world.key("support"), total_key("")):
        (day,) = store.ledger(key, [day_of(world.sim.now())], deadline)
        assert (day.others_usd, day.saved_usd, day.saves) == (0.5, 0.25, 1)
    assert day.spent_usd == pytest.approx(world.state("support").money.keepwarm_usd)


def test_a_large_fleet_is_registered_while_the_rest_goes_on(world: World) -> None:
    """Some before what is due is looked at, the others with the time that is left."""
    world.at_once = 2
    world.deploy(*(f"agent-{i}" for i in range(5)))
    assert [outcome.kind for outcome in world.tick().outcomes] == ["written"] * 2
    assert [outcome.kind for outcome in world.tick().outcomes] == ["written"] * 3


def test_a_new_environment_registers_nothing_anew(world: World) -> None:
    """What the table knows keeps its time."""
    world.deploy("support")
    world.tick()
    due_at = world.state("support").last_decision.due_at
    world.sim.advance(MINUTE)
    assert not ticked(world.new_runtime()).outcomes
    assert world.state("support").last_decision.due_at == due_at


def test_what_was_billed_takes_the_place_of_the_estimate(world: World) -> None:
    """For budgets and for the account, from the first call of a version on."""
    tokens = {"estimate": 1000}
    headers = {"anthropic-version": "2026-10-21"}
    request = derive(request_of("support"))
    file = build("support", request, headers=headers, prices=true_prices(), tokens=tokens)
    world.deploy_entries([world.upload("support", dumps(file))], policy="always")
    (written,) = world.tick().outcomes
    assert written.usage
    assert world.state("support").life.tokens == written.usage.written > 2000
    billed = [written, *(o for report in world.passes(HOUR) for o in report.outcomes)]
    ledger = world.runtime.dependencies.store.ledger
    (total,) = ledger(total_key(""), [day_of(world.sim.now())], Deadline.after(60))
    assert total.committed_usd == pytest.approx(sum(o.cost_usd or 0.0 for o in billed))
