"""What every store promises of dollars that are set aside before they are spent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from prefixwarm.state.keepwarm_model import Account, HandOver, Limits, Registration, Reservation
from prefixwarm.state.model import Failure, Lease, LeaseRequest, Result, shared_key
from prefixwarm.state.outcome import FAILED, WRITTEN, Outcome
from prefixwarm.state.warm_state import State

if TYPE_CHECKING:
    from prefixwarm.state.keepwarm_model import Ledger
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline

NOW = 1_763_700_000.25
DAY = "2026-11-21"
WEEK = 7 * 86_400.0
NONE = Limits()


@pytest.fixture
def total() -> str:
    """The ledger of a deployment that no other test knows."""
    return f"total/{uuid4().hex}"


def reservation(key: str, total: str, usd: float = 0.25) -> Reservation:
    """Some dollars for one call."""
    return Reservation(key=key, total=total, day=DAY, at=NOW, usd=usd)


def outcome(**changes: Any) -> Outcome:
    """A write that cost a little less."""
    done = Outcome(name="support", kind=WRITTEN, started_at=NOW, calls=1, cost_usd=0.125)
    return done.replace(**changes)


def ledger(store: StateStore, key: str, soon: Deadline) -> Ledger:
    """The day's ledger, which must be there."""
    (day_ledger,) = store.ledger(key, [DAY], soon)
    return day_ledger


@pytest.mark.parametrize("alone", [True, False])
def test_a_call_of_an_agent_is_adjusted(
    store: StateStore, key: str, total: str, soon: Deadline, alone: bool
) -> None:
    """Its dollars and tokens take the place of what was set aside, and it is no warm call."""
    sums = key if alone else total
    call = reservation(key, sums).replace(tokens=1000)
    assert store.reserve(call, Limits(own_usd=0.25, own_tokens=1000), soon)
    assert not store.reserve(call, Limits(own_tokens=1999), soon)
    store.adjust(call, 0.125, 300, soon)
    own = ledger(store, key, soon)
    assert (own.committed_usd, own.committed_tokens) == (0.125, 300)
    assert (own.spent_usd, own.outcomes) == (0.0, {})
    assert ledger(store, sums, soon).committed_usd == 0.125
    assert store.reserve(call, Limits(total_usd=0.375, own_tokens=1300), soon)
    store.adjust(call, 0.0, 0, soon)
    assert ledger(store, key, soon).committed_tokens == 300


def test_a_call_is_reserved_and_spent(
    store: StateStore, key: str, total: str, soon: Deadline
) -> None:
    """In the prefix's ledger and in that of all; what was reserved too much is free again."""
    reserved = reservation(key, total)
    assert store.reserve(reserved, Limits(total_usd=1.0, own_usd=0.5), soon)
    for ledger_key in (key, total):
        assert ledger(store, ledger_key, soon).committed_usd == 0.25
        assert ledger(store, ledger_key, soon).spent_usd == 0.0
    store.spend(reserved, outcome(), soon)
    for ledger_key in (key, total):
        day = ledger(store, ledger_key, soon)
        assert (day.committed_usd, day.spent_usd, day.outcomes) == (0.125, 0.125, {WRITTEN: 1})


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        (NONE, True),
        (Limits(total_usd=0.5), True),
        (Limits(total_usd=0.49), False),
        (Limits(own_usd=0.49), False),
        (Limits(total_usd=9.0, own_usd=0.5), True),
        (Limits(total_usd=0.1, own_usd=9.0), False),
    ],
)
def test_a_limit_holds(
    store: StateStore, key: str, total: str, soon: Deadline, limits: Limits, allowed: bool
) -> None:
    """To the cent, for one and for all; a refusal sets nothing aside."""
    assert store.reserve(reservation(key, total), NONE, soon)
    assert store.reserve(reservation(key, total), limits, soon) is allowed
    for ledger_key in (key, total):
        assert ledger(store, ledger_key, soon).committed_usd == (0.5 if allowed else 0.25)


def test_more_than_a_limit_is_refused_at_once(
    store: StateStore, key: str, total: str, soon: Deadline
) -> None:
    """On an empty day as well."""
    assert not store.reserve(reservation(key, total, 2.0), Limits(total_usd=1.0), soon)
    assert store.ledger(total, [DAY], soon) == []


def test_what_older_code_spent_counts(
    store: StateStore, key: str, total: str, soon: Deadline
) -> None:
    """It set nothing aside."""
    store.spend(reservation(key, total, 0.9), outcome(cost_usd=0.9), soon)
    assert not store.reserve(reservation(key, total), Limits(total_usd=1.0), soon)


def test_a_killed_holder_has_spent(store: StateStore, key: str, total: str, soon: Deadline) -> None:
    """So has a call of unknown price."""
    limits = Limits(total_usd=0.75)
    reserved = [reservation(key, total) for _ in range(3)]
    assert all(store.reserve(held, limits, soon) for held in reserved)
    store.spend(reserved[1], outcome(cost_usd=None), soon)
    assert not store.reserve(reservation(key, total), limits, soon)
    assert (ledger(store, key, soon).unpriced, ledger(store, key, soon).committed_usd) == (1, 0.75)
    assert ledger(store, total, soon).outcomes == {WRITTEN: 1}


def test_a_budget_holds_in_a_crowd(store: StateStore, key: str, total: str, soon: Deadline) -> None:
    """Of a dozen that come together as many as it allows."""
    limits = Limits(total_usd=1.25)

    def reserve(_: int) -> bool:
        return store.reserve(reservation(key, total), limits, soon)

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(reserve, range(12))).count(True) == 5
    assert ledger(store, total, soon).committed_usd == 1.25


def granted(store: StateStore, key: str, soon: Deadline, usd: float = 0.5) -> State:
    """What all versions of a prefix share whose starts may spend so much."""
    store.register(key, Registration(name="support", at=NOW, due_at=NOW), soon)
    assert store.hand_over(HandOver(at=NOW, old="", new=key, learned="", left=""), soon)
    store.note_account(key, grant(usd), soon)
    return store.read(shared_key(key), soon)


def left(store: StateStore, key: str, soon: Deadline) -> float:
    """What starts may still spend."""
    return store.read(shared_key(key), soon).money.init_allowance_usd


def grant(usd: float) -> Account:
    """A check that adds so much to what starts may spend."""
    return Account(at=NOW, granted_usd=usd, granted_until=NOW + WEEK)


def wish(owner: str, usd: float, now: float = NOW) -> LeaseRequest:
    """A start's wish."""
    return LeaseRequest(
        name="support", owner=owner, now=now, seconds=30, needed_until=now + 9e3, allowance_usd=usd
    )


def test_a_grant_adds_to_what_starts_took_meanwhile(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """So a check whose state is old by then gives no dollar twice."""
    granted(store, key, soon)
    assert store.take_lease(key, wish("a", 0.4), soon)[1]
    store.note_account(key, grant(0.2), soon)
    money = store.read(shared_key(key), soon).money
    assert money.init_allowance_usd == pytest.approx(0.3)
    assert money.init_until == NOW + WEEK


def test_a_week_is_opened_once(store: StateStore, key: str, soon: Deadline) -> None:
    """By the first start of all; what another has opened meanwhile stays as it is."""
    first = wish("a", 0.4).replace(week_usd=1.0, week_ends=NOW + WEEK)
    state, taken = store.take_lease(key, first, soon)
    shared = store.read(shared_key(key), soon)
    assert (taken, shared.money.init_allowance_usd) == (True, pytest.approx(0.6))
    assert (shared.money.init_until, state.traffic.init_at) == (NOW + WEEK, NOW)
    assert (shared.money.init_write_usd, shared.money.init_spent_usd) == (0.4, 0.4)
    assert state.money.init_spent_usd == 0.4
    late = first.replace(owner="b", now=NOW + 60)
    assert not store.take_lease(key, late, soon)[1]
    assert left(store, key, soon) == pytest.approx(0.6)
    next_week = first.replace(owner="c", now=NOW + WEEK, week_ends=NOW + 2 * WEEK)
    assert store.take_lease(key, next_week, soon)[1]
    assert left(store, key, soon) == pytest.approx(0.6)


def test_a_start_spends_what_is_allowed(store: StateStore, key: str, soon: Deadline) -> None:
    """It is taken with the lease; what the call did not cost comes back with its record."""
    granted(store, key, soon)
    state, taken = store.take_lease(key, wish("a", 0.4), soon)
    assert (taken, left(store, key, soon)) == (True, pytest.approx(0.1))
    lease = Lease(key=key, owner="a", token=state.lease.token)
    done = Result(
        outcome=WRITTEN,
        started=NOW,
        ttl=300,
        max_tokens=0,
        due_at=NOW,
        cost_usd=0.3,
        allowance_usd=0.4,
    )
    store.record(lease, done, soon)
    assert left(store, key, soon) == pytest.approx(0.2)
    state, taken = store.take_lease(key, wish("b", 0.3, NOW + 400), soon)
    assert (taken, left(store, key, soon)) == (False, pytest.approx(0.2))
    assert store.take_lease(key, wish("b", 0.2, NOW + 400), soon)[1]


@pytest.mark.parametrize(("cost", "rest"), [(0.0, 0.5), (None, 0.1), (0.5, 0.0)])
def test_a_failed_start_gives_back_what_it_did_not_cost(
    store: StateStore, key: str, soon: Deadline, cost: float | None, rest: float
) -> None:
    """Nothing where that is unknown: it counts as spent."""
    granted(store, key, soon)
    state, _ = store.take_lease(key, wish("a", 0.4), soon)
    lease = Lease(key=key, owner="a", token=state.lease.token)
    failure = Failure(
        outcome=FAILED,
        reason="HTTP 529",
        at=NOW,
        backoff_until=NOW,
        cost_usd=cost,
        allowance_usd=0.4,
    )
    store.fail(lease, failure, soon)
    assert left(store, key, soon) == pytest.approx(rest)


def test_without_an_allowance_nothing_is_spent(store: StateStore, key: str, soon: Deadline) -> None:
    """A prefix that nobody granted anything; a wish that asks for none is not held to it."""
    assert not store.take_lease(key, wish("a", 0.4), soon)[1]
    assert store.read(key, soon) == State(key=key)
    free = wish("a", 0.4).replace(allowance_usd=None)
    assert store.take_lease(key, free, soon)[1]


def test_a_killed_start_has_spent(store: StateStore, key: str, soon: Deadline) -> None:
    """Its lease ends, its dollars do not come back."""
    granted(store, key, soon)
    assert store.take_lease(key, wish("a", 0.4), soon)[1]
    assert not store.take_lease(key, wish("b", 0.4, NOW + 60), soon)[1]
