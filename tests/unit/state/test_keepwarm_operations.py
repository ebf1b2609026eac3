"""What the keep-warm function asks of a state store beyond warm calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from prefixwarm.errors import SettingsError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.settings import Settings
from prefixwarm.state.keepwarm_model import Check, RoutePause, Settlement
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.model import (
    KEEPWARM,
    METRIC,
    OBSERVED,
    Failure,
    Lease,
    LeaseRequest,
    Result,
    SessionStart,
)
from prefixwarm.state.outcome import Outcome
from prefixwarm.state.store import StateStore
from prefixwarm.state.warm_state import State
from prefixwarm.wire.deadline import Deadline
from tests.helpers.ledgers import add_spending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KEY = "state/anthropic/-/default/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"


def soon() -> Deadline:
    """Time enough."""
    return Deadline.after(60)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A client of moto's DynamoDB."""
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1")


@pytest.fixture(params=["memory", "file", "dynamodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    """Each of the stores in turn, empty."""
    if request.param == "memory":
        return MemoryState()
    if request.param == "file":
        return FileState(tmp_path / "state.json")
    client = request.getfixturevalue("dynamodb")
    table = f"state-{uuid4()}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return StateStore(table, boto_calls(client))


def test_a_pause_holds_back_until_its_end(store: StateStore) -> None:
    """And says why."""
    store.pause(KEY, RoutePause(until=1000.5, reason="HTTP 429"), soon())
    pause = RoutePause(until=1000.5, reason="HTTP 429")
    assert store.read_pause(KEY, soon()) == pause


def test_a_shorter_pause_leaves_a_longer_one(store: StateStore) -> None:
    """The spend limit's hour outlasts a rate limit's seconds."""
    store.pause(KEY, RoutePause(until=5000.0, reason="spend limit"), soon())
    store.pause(KEY, RoutePause(until=1000.0, reason="rate limit"), soon())
    pause = RoutePause(until=5000.0, reason="spend limit")
    assert store.read_pause(KEY, soon()) == pause


def test_a_check_changes_only_what_it_says(store: StateStore) -> None:
    """None leaves what is there."""
    first = Check(at=1.0, due_at=2.0, reason="a", rewrites=2, tripped_until=9.0, idle_refreshes=3)
    store.record_check(KEY, first, soon())
    store.record_check(KEY, Check(at=2.0, due_at=3.0, reason="b"), soon())
    state = store.read(KEY, soon())
    assert (
        state.last_decision.due_at,
        state.last_decision.reason,
        state.traffic.idle_refreshes,
    ) == (3.0, "b", 3)
    assert (state.backoff.rewrites, state.backoff.tripped_until) == (2, 9.0)


DAY = "2026-11-21"
TOTAL = "total/shop"


def spend(store: StateStore, by: str, cost_usd: float, at: float = 1000.0) -> None:
    """A warm call by somebody."""
    wish = LeaseRequest(name="support", owner=by, now=at, seconds=1, needed_until=1e9)
    state, _ = store.take_lease(KEY, wish, soon())
    lease = Lease(key=KEY, owner=by, token=state.lease.token)
    result = Result(
        outcome="written", started=at, ttl=3600, max_tokens=0, due_at=at, cost_usd=cost_usd, by=by
    )
    store.record(lease, result, soon())


def save(store: StateStore, at: float) -> None:
    """A session start that a warm call saved a write."""
    start = SessionStart(at=at, quiet=300.0, hit=True, saved=True, saved_usd=0.25)
    store.count_start(KEY, start, soon())


def settle(store: StateStore, day: str = DAY) -> Settlement | None:
    """Settle what the state says now."""
    return store.settle(store.read(KEY, soon()), TOTAL, day, 1000.0, soon())


def test_what_others_spent_and_what_was_saved_is_settled_once(store: StateStore) -> None:
    """The keep-warm function's own dollars are in the ledger by its own word."""
    spend(store, "agent", 0.5)
    spend(store, KEEPWARM, 2.0)
    save(store, 5000.0)
    assert settle(store) == Settlement(others_usd=0.5, saves=1, saved_usd=0.25)
    assert settle(store) is None
    spend(store, "agent", 0.125)
    save(store, 9000.0)
    assert settle(store, "2026-11-22") == Settlement(others_usd=0.125, saves=1, saved_usd=0.25)
    for key in (KEY, TOTAL):
        first, second = store.ledger(key, [DAY, "2026-11-22"], soon())
        assert (first.others_usd, first.saves, first.saved_usd) == (0.5, 1, 0.25)
        assert (second.others_usd, second.saves, second.net_usd) == (0.125, 1, 0.125)
    assert store.read(KEY, soon()).money.keepwarm_usd == 2.0


def test_of_two_who_settle_one_does(store: StateStore) -> None:
    """Both have read the same state."""
    save(store, 5000.0)
    state = store.read(KEY, soon())
    both = [store.settle(state, TOTAL, DAY, 1000.0, soon()) for _ in range(2)]
    assert both == [Settlement(others_usd=0.0, saves=1, saved_usd=0.25), None]
    (total,) = store.ledger(TOTAL, [DAY], soon())
    assert (total.saves, total.saved_usd) == (1, 0.25)


def test_nothing_is_settled_of_what_is_not_known(store: StateStore) -> None:
    """Neither of a new state, nor of one that was deleted meanwhile."""
    assert settle(store) is None
    gone = State.of(KEY, saves=3, saved_usd=1.0)
    assert store.settle(gone, TOTAL, DAY, 1000.0, soon()) is None
    assert store.ledger(TOTAL, [DAY], soon()) == []


def test_many_days_are_read_at_once(store: StateStore) -> None:
    """In the order asked for; days without a ledger are left out."""
    outcome = Outcome(name="support", kind="refreshed", calls=1, cost_usd=0.002)
    days = [f"2026-{month:02}-{day:02}" for month in (10, 11) for day in range(1, 31)]
    for day in days[5::7]:
        add_spending(store, KEY, day, outcome, soon())
    assert [ledger.day for ledger in store.ledger(KEY, days, soon())] == days[5::7]


def test_a_failure_of_one_callers_own_holds_back_nobody_else(store: StateStore) -> None:
    """Its key, its network; the provider's troubles are everybody's."""

    def take(by: str, now: float = 1010.0) -> bool:
        wish = LeaseRequest(name="s", owner=by, now=now, seconds=1, needed_until=1e9, by=by)
        return store.take_lease(KEY, wish, soon())[1]

    def fail(own_fault: bool) -> None:
        wish = LeaseRequest(
            name="s", owner="k", now=1000.0, seconds=5, needed_until=1e9, by=KEEPWARM
        )
        state, taken = store.take_lease(KEY, wish, soon())
        assert taken
        lease = Lease(key=KEY, owner="k", token=state.lease.token)
        failure = Failure(
            outcome="failed",
            reason="HTTP 401",
            at=1001.0,
            backoff_until=1600.0,
            by=KEEPWARM,
            own_fault=own_fault,
        )
        store.fail(lease, failure, soon())

    fail(own_fault=True)
    assert store.read(KEY, soon()).backoff.of == KEEPWARM
    assert [take(KEEPWARM), take("agent")] == [False, True]
    assert take("nobody", 1011.5)
    store.record(Lease(key=KEY, owner="nobody", token=3), done(1011.5), soon())
    assert (store.read(KEY, soon()).backoff.of, take(KEEPWARM, 1013.0)) == ("", True)


def done(started: float) -> Result:
    """A call that worked."""
    return Result(outcome="refreshed", started=started, ttl=300, max_tokens=0, due_at=started)


def test_the_providers_trouble_holds_everybody(store: StateStore) -> None:
    """Also after one that was somebody's own."""
    for own_fault in (True, False):
        now = 1000.0 if own_fault else 2000.0
        wish = LeaseRequest(name="s", owner="k", now=now, seconds=5, needed_until=1e9, by=KEEPWARM)
        state, taken = store.take_lease(KEY, wish, soon())
        assert taken
        failure = Failure(
            outcome="failed",
            reason="HTTP 529",
            at=now,
            backoff_until=now + 600,
            by=KEEPWARM,
            own_fault=own_fault,
        )
        store.fail(Lease(key=KEY, owner="k", token=state.lease.token), failure, soon())
    wish = LeaseRequest(name="s", owner="a", now=2100.0, seconds=5, needed_until=1e9, by="agent")
    state, taken = store.take_lease(KEY, wish, soon())
    assert (taken, state.backoff.of) == (False, "")


def test_what_showed_traffic_is_remembered(store: StateStore) -> None:
    """The metric, or the agent's own word."""
    store.saw_traffic(KEY, 1000.0, METRIC, soon())
    assert store.read(KEY, soon()).traffic.by == METRIC
    store.record_use(KEY, 2000.0, 300, soon())
    assert store.read(KEY, soon()).traffic.by == OBSERVED
    store.saw_traffic(KEY, 1500.0, METRIC, soon())
    assert store.read(KEY, soon()).traffic.by == OBSERVED


def test_functions_are_lists_by_prefix_name() -> None:
    """As the construct writes them."""
    settings = Settings.from_environment({"PREFIXWARM_FUNCTIONS": '{"support": ["a", "b"]}'})
    assert settings.functions == {"support": ["a", "b"]}
    assert Settings.from_environment({"X": "y"}).functions == {}


@pytest.mark.parametrize("text", ["support", "[]", '{"support": "a"}', '{"support": [""]}'])
def test_other_shapes_of_functions_are_refused(text: str) -> None:
    """With an example of the right one."""
    with pytest.raises(SettingsError, match=r"PREFIXWARM_FUNCTIONS=.*my-function"):
        Settings.from_environment({"PREFIXWARM_FUNCTIONS": text})


def test_the_kill_switch_is_named() -> None:
    """Its parameter is not read here."""
    settings = Settings.from_environment({"PREFIXWARM_KILL_SWITCH": "/prefixwarm/stop"})
    assert settings.kill_switch == "/prefixwarm/stop"
