"""Who asks for a warm call gets the outcome, by the tick's own lease, budget and ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Semaphore
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm import asked as module
from prefixwarm.keepwarm.budget import day_of
from prefixwarm.prefix.prefix_file import dumps
from prefixwarm.state.model import LeaseRequest
from prefixwarm.wire.deadline import Deadline
from tests.integration.keepwarm.conftest import asked, prefix_file

if TYPE_CHECKING:
    from prefixwarm.state.keepwarm_model import Ledger
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0
ASKERS = 12
WAITERS = 60


def soon() -> Deadline:
    """Time for one operation on a slow machine."""
    return Deadline.after(60)


def ledger(world: World, key: str) -> Ledger:
    """Today's ledger of a key."""
    (day_ledger,) = world.runtime.dependencies.store.ledger(key, [day_of(world.sim.now())], soon())
    return day_ledger


def test_a_cold_prefix_is_written(world: World) -> None:
    """For five minutes, as a start does; the dollars are in the ledgers, once."""
    world.deploy("support")
    (outcome,) = world.asks("support")
    assert (outcome.name, outcome.kind) == ("support", "written")
    assert outcome.warm_until == pytest.approx(world.sim.now() + 300, abs=5)
    billed = float(world.sim.requests()[0]["cost_usd"])
    assert outcome.cost_usd == pytest.approx(billed)
    for key in (world.key("support"), "total/default"):
        day_ledger = ledger(world, key)
        assert (day_ledger.spent_usd, day_ledger.outcomes) == (
            pytest.approx(billed),
            {"written": 1},
        )
        assert day_ledger.committed_usd == pytest.approx(billed)
    money = world.state("support").money
    assert money.spent_usd == money.keepwarm_usd == pytest.approx(billed)


def test_a_warm_prefix_costs_one_read_of_the_table(world: World) -> None:
    """Neither the provider, the bucket nor the rest of the table is asked."""
    world.deploy("support")
    world.asks("support")
    operations: list[str] = []
    client = world.runtime.dependencies.store._call  # type: ignore[attr-defined]

    def counted(operation: str, *rest: object) -> object:
        operations.append(operation)
        return client(operation, *rest)

    world.runtime.dependencies.store._call = counted  # type: ignore[attr-defined]
    (outcome,) = world.asks("support")
    assert (outcome.kind, outcome.reason, outcome.ok) == ("skipped", "warm", True)
    assert operations == ["GetItem"]
    assert len(world.warm_calls()) == 1


def test_a_function_that_asks_is_noted(world: World) -> None:
    """Whether the prefix is cold or warm; its invocations are the prefix's traffic."""
    world.deploy("support")
    world.asks("support", function="support-agent")
    world.asks("support", function="another")
    world.asks("support")
    assert world.state("support").deployment.functions == ("another", "support-agent")


def test_a_caller_may_spend_less_and_never_more(world: World) -> None:
    """Than the function's own limit for what nobody observes."""
    world.deploy("support", "sales")
    (outcome,) = world.asks("support", usd_per_week=0)
    assert (outcome.kind, outcome.reason[:20]) == ("skipped", "nothing may be spent")
    assert world.warm_calls() == []
    (outcome,) = world.asks("sales", usd_per_week=1e5)
    assert outcome.kind == "written"
    left = world.shared("sales").money.init_allowance_usd
    assert left < world.runtime.settings.init_usd_per_week


def test_the_agent_reads_what_was_asked_for(world: World) -> None:
    """And is counted as a request that read it, by the tick that follows."""
    world.deploy("support")
    world.asks("support")
    assert world.agent_asks("support").cache_read_input_tokens


@pytest.mark.parametrize(
    ("age", "needed", "kind"),
    [
        (0.0, 3600, "skipped"),
        (100.0, 60, "skipped"),
        (100.0, 199, "skipped"),
        (100.0, 201, "refreshed"),
        (100.0, 3600, "refreshed"),
        (260.0, 60, "refreshed"),
        (310.0, 0, "written"),
    ],
)
def test_an_entry_that_lives_long_enough_is_left_alone(
    world: World, age: float, needed: float, kind: str
) -> None:
    """As long as the caller needs it; at most as long as an entry that is not due for a refresh."""
    world.deploy("support")
    world.asks("support")
    world.sim.advance(age)
    (outcome,) = world.asks("support", needed_for_seconds=needed)
    assert outcome.kind == kind
    assert len(world.warm_calls()) == (1 if kind == "skipped" else 2)


def test_many_at_once_make_one_call(world: World) -> None:
    """Of a dozen environments one writes; each of the others waits, and answers with its entry."""
    world.deploy("support")
    world.sim.inject(kind="slow", seconds=1.0, count=1)
    runtimes = [world.new_runtime() for _ in range(ASKERS)]
    together = Barrier(ASKERS)

    def ask(number: int) -> tuple[str, str, float | None]:
        together.wait()
        (outcome,) = asked(runtimes[number], "support")
        return outcome.kind, outcome.reason, outcome.warm_until

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(ask, range(ASKERS)))
    assert len(world.warm_calls()) == 1
    assert sorted(kind for kind, _, _ in answers) == ["skipped"] * (ASKERS - 1) + ["written"]
    assert len({warm_until for _, _, warm_until in answers}) == 1
    assert ledger(world, "total/default").outcomes["written"] == 1


def test_who_does_not_wait_is_answered_at_once(world: World) -> None:
    """That the call is in flight; so is everybody while the provider fails."""
    world.deploy("support")
    store = world.runtime.dependencies.store
    now = world.sim.now()
    wish = LeaseRequest(name="support", owner="other", now=now, seconds=9, needed_until=now)
    store.take_lease(world.key("support"), wish, soon())
    (outcome,) = world.asks("support", wait=False)
    assert (outcome.kind, outcome.reason, outcome.ok) == ("skipped", "in flight", False)
    world.sim.advance(10)
    assert world.asks("support", wait=False)[0].kind == "written"


def test_a_tick_runs_while_sixty_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold executions and nothing else, and none of them for longer than it may."""
    world.deploy("support", "sales")
    store, now = world.runtime.dependencies.store, world.sim.now()
    wish = LeaseRequest(name="support", owner="other", now=now, seconds=60, needed_until=now)
    store.take_lease(world.key("support"), wish, soon())
    waiting, go_on, seconds = Semaphore(0), Event(), []

    def wait(ends: Deadline) -> bool:
        seconds.append(ends.remaining())
        waiting.release()
        return not go_on.wait(600)

    monkeypatch.setattr(module, "pause", wait)
    with ThreadPoolExecutor(WAITERS) as pool:
        askers = []
        for _ in range(WAITERS):
            # One after the other, so that none of them finds the table busy.
            askers.append(pool.submit(world.asks, "support"))
            assert waiting.acquire(timeout=600)
        report = world.tick()
        assert not any(asker.done() for asker in askers)
        go_on.set()
        answers = [asker.result()[0] for asker in askers]
    assert [outcome.kind for outcome in report.outcomes] == ["written"]
    assert {answer.reason for answer in answers} == {"in flight"}
    assert len(seconds) == WAITERS
    assert max(seconds) <= module.WAIT_SECONDS


def test_a_holder_that_died_before_it_sent_is_relieved(world: World) -> None:
    """A second later, long before its lease ends."""
    world.deploy("support")
    store = world.runtime.dependencies.store
    now = world.sim.now()
    request = LeaseRequest(
        name="support", owner="dead", now=now, seconds=60, needed_until=now, unsent=True
    )
    store.take_lease(world.key("support"), request, soon())
    (outcome,) = world.asks("support")
    assert outcome.kind == "written"
    assert len(world.warm_calls()) == 1


def test_several_names_are_answered_in_their_order(world: World) -> None:
    """What is wrong with one of them stays with it."""
    good = [world.upload(name, dumps(prefix_file(name))) for name in ("support", "sales")]
    broken = dumps(prefix_file("returns")).replace('"max_tokens": 0', '"max_tokens": 5')
    world.deploy_entries([*good, world.upload("returns", broken)])
    outcomes = world.asks("sales", "returns", "support")
    assert [outcome.name for outcome in outcomes] == ["sales", "returns", "support"]
    assert [outcome.kind for outcome in outcomes] == ["written", "failed", "written"]
    assert "request.max_tokens: 5" in outcomes[1].reason


def test_an_unknown_name_sends_nothing(world: World) -> None:
    """For the other names either; the line says which there are."""
    world.deploy("support", "sales")
    with pytest.raises(UsageError, match=r"there is no prefix 'suport' .* sales, support$"):
        world.asks("support", "suport")
    assert not world.sim.requests()


def test_the_budget_of_the_day_holds(world: World) -> None:
    """For asks as for ticks; the lease is given back, and the share of starts with it."""
    world.deploy("support", budget_usd_per_day=0.0001)
    (outcome,) = world.asks("support")
    assert (outcome.kind, outcome.reason) == ("skipped", "the budget is used up")
    state = world.state("support")
    assert not state.leased(world.sim.now())
    assert world.shared("support").money.init_allowance_usd == pytest.approx(1.0)
    assert not world.sim.requests()


def test_asks_pay_from_the_share_of_starts(world: World) -> None:
    """Nobody reads what is written: after a dollar in a week nothing more is sent."""
    world.deploy("support", policy="never")
    cost = world.asks("support")[0].cost_usd or 0.0
    money = world.shared("support").money
    assert money.init_allowance_usd == pytest.approx(1.0 - cost)
    table = {"TableName": world.environ["PREFIXWARM_TABLE"]}
    world.aws.client("dynamodb").update_item(
        **table,
        Key={"pk": {"S": world.shared("support").key}},
        UpdateExpression="SET init_allowance_usd = :left",
        ExpressionAttributeValues={":left": {"N": f"{cost / 2}"}},
    )
    world.sim.advance(HOUR)
    (outcome,) = world.asks("support")
    assert outcome.kind == "skipped"
    assert "what starts may spend is used up" in outcome.reason
    assert len(world.warm_calls()) == 1


def test_a_back_off_holds(world: World) -> None:
    """After a call that failed, whoever made it; a provider that hangs is found out by one."""
    world.deploy("support")
    world.sim.inject(status=529, count=1)
    assert world.asks("support")[0].kind == "failed"
    world.sim.advance(10)
    (outcome,) = world.asks("support")
    assert outcome.kind == "skipped"
    assert outcome.reason == "backing off after 1 failed calls: HTTP 529 overloaded_error"
    assert len(world.sim.requests()) == 1


def test_the_kill_switch_stops_asks(world: World) -> None:
    """What is warm is said to be."""
    world.deploy("support", "sales")
    world.asks("support")
    world.aws.client("ssm").put_parameter(Name="stop", Value="true", Type="String")
    runtime = world.new_runtime(PREFIXWARM_KILL_SWITCH="stop")
    warm, cold = asked(runtime, "support", "sales")
    assert (warm.reason, cold.kind) == ("warm", "skipped")
    assert cold.reason == "stopped by the parameter stop"
    assert len(world.warm_calls()) == 1


def test_without_the_table_nothing_is_sent(world: World) -> None:
    """The answer says why."""
    world.deploy("support")
    (outcome,) = asked(world.new_runtime(PREFIXWARM_TABLE="missing"), "support")
    assert outcome.kind == "failed"
    assert "ResourceNotFoundException" in outcome.reason
    assert not world.sim.requests()


def test_a_tick_goes_on_where_an_ask_has_left_off(world: World) -> None:
    """It refreshes what was asked for when that is due, as if it had written it itself."""
    world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    world.asks("support")
    kinds = [outcome.kind for report in world.passes(5 * MINUTE) for outcome in report.outcomes]
    assert kinds == ["refreshed"]
