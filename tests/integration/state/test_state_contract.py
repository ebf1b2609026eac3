"""What every store of warm states promises, on every store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.state.keepwarm_model import Check, Registration
from prefixwarm.state.model import METRIC, Drift, Failure, Lease, LeaseRequest, Result, SessionStart
from prefixwarm.state.outcome import FAILED, SKIPPED, WRITTEN, Outcome
from prefixwarm.state.warm_state import State
from tests.helpers.ledgers import add_spending
from tests.helpers.states import changed

if TYPE_CHECKING:
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline

NOW = 1_763_700_000.25


def wish(owner: str = "a", now: float = NOW, **changes: Any) -> LeaseRequest:
    """A wish for a lease of 30 seconds."""
    return LeaseRequest(name="support", owner=owner, now=now, seconds=30, needed_until=now).replace(
        **changes
    )


def result(started: float = NOW, **changes: Any) -> Result:
    """A write that worked."""
    done = Result(
        outcome=WRITTEN,
        started=started,
        ttl=3600,
        max_tokens=0,
        due_at=started + 3300,
        cost_usd=0.5,
        write_ms=800.5,
    )
    return done.replace(**changes)


def failure(at: float = NOW, **changes: Any) -> Failure:
    """A call that failed."""
    return Failure(
        outcome=FAILED, reason="HTTP 529", at=at, backoff_until=at + 60, cost_usd=0.0
    ).replace(**changes)


def leased(
    store: StateStore, key: str, soon: Deadline, owner: str = "a", now: float = NOW
) -> Lease:
    """Take the lease, which must be free."""
    state, taken = store.take_lease(key, wish(owner, now), soon)
    assert taken
    return Lease(key=key, owner=owner, token=state.lease.token)


def test_an_unknown_state_is_empty(store: StateStore, key: str, soon: Deadline) -> None:
    """Nothing is known, nothing is warm."""
    state = store.read(key, soon)
    assert state == State(key=key)
    assert (state.warm_for(NOW), state.leased(NOW)) == (0.0, False)


def test_takes_the_lease(store: StateStore, key: str, soon: Deadline) -> None:
    """Who, until when, for whom; the reply is what is kept."""
    asked = wish(deployment="prod", function="agent")
    state, taken = store.take_lease(key, asked, soon)
    assert taken
    assert state == State.of(
        key,
        name="support",
        deployment="prod",
        functions=("agent",),
        lease_owner="a",
        lease_token=1,
        lease_until=NOW + 30,
    )
    assert store.read(key, soon) == state


def test_a_lease_excludes_others_until_its_end(store: StateStore, key: str, soon: Deadline) -> None:
    """The refused one is shown who holds it; the token grows with each taking."""
    store.take_lease(key, wish("a"), soon)
    state, taken = store.take_lease(key, wish("b", NOW + 29.75), soon)
    assert (taken, state.lease.owner, state.lease.token) == (False, "a", 1)
    state, taken = store.take_lease(key, wish("b", NOW + 30), soon)
    assert (taken, state.lease.owner, state.lease.token) == (True, "b", 2)


def test_a_lost_reply_does_not_lose_the_lease(store: StateStore, key: str, soon: Deadline) -> None:
    """The holder asks again and is told that it holds it."""
    first = leased(store, key, soon)
    state, taken = store.take_lease(key, wish("a", NOW + 1), soon)
    assert taken
    assert state.lease.token == first.token


@pytest.mark.parametrize(("needed_until", "taken"), [(NOW + 3599, False), (NOW + 3600, True)])
def test_no_lease_for_what_is_warm(
    store: StateStore, key: str, soon: Deadline, needed_until: float, taken: bool
) -> None:
    """An entry that lives beyond the need is left alone."""
    store.record(leased(store, key, soon), result(), soon)
    asked = wish("b", NOW + 5, needed_until=needed_until)
    assert store.take_lease(key, asked, soon)[1] is taken


@pytest.mark.parametrize(("later", "taken"), [(59.75, False), (60, True)])
def test_no_lease_while_backing_off(
    store: StateStore, key: str, soon: Deadline, later: float, taken: bool
) -> None:
    """Every caller respects it, the one that failed too."""
    store.fail(leased(store, key, soon), failure(), soon)
    state, got = store.take_lease(key, wish("a", NOW + later), soon)
    assert got is taken
    assert (state.backoff.failures, state.last_decision.reason) == (1, "HTTP 529")


def test_records_what_worked(store: StateStore, key: str, soon: Deadline) -> None:
    """The life counts from the call's start, the lease is given back."""
    lease = leased(store, key, soon)
    store.record(
        lease, result(idle_refreshes=2, reason="asked for a TTL", message_id="msg_1"), soon
    )
    assert store.read(key, soon) == State.of(
        key,
        name="support",
        warm_until=NOW + 3600,
        last_touch=NOW,
        granted_ttl=3600,
        idle=2,
        lease_token=1,
        outcome=WRITTEN,
        outcome_at=NOW,
        reason="asked for a TTL",
        message_id="msg_1",
        write_ms=800.5,
        calls=1,
        spent_usd=0.5,
        due_at=NOW + 3300,
    )


def test_a_success_ends_the_failures(store: StateStore, key: str, soon: Deadline) -> None:
    """Money of both is kept, and what the provider takes is remembered."""
    store.fail(leased(store, key, soon), failure(cost_usd=None), soon)
    again = leased(store, key, soon, now=NOW + 60)
    store.record(again, result(NOW + 61, max_tokens=1, write_ms=None, read_ms=90.5), soon)
    state = store.read(key, soon)
    assert (state.backoff.failures, state.backoff.until, state.last_call.outcome) == (
        0,
        None,
        WRITTEN,
    )
    assert (state.money.calls, state.money.unpriced, state.money.spent_usd) == (2, 1, 0.5)
    assert (state.life.max_tokens, state.life.read_ms, state.lease.token) == (1, 90.5, 2)


def test_what_is_not_said_stays(store: StateStore, key: str, soon: Deadline) -> None:
    """Idle count and latencies."""
    store.record(leased(store, key, soon), result(idle_refreshes=3), soon)
    again = leased(store, key, soon, "b", NOW + 3600)
    store.record(again, result(NOW + 3600, write_ms=None, read_ms=80.0), soon)
    state = store.read(key, soon)
    assert (state.traffic.idle_refreshes, state.life.write_ms, state.life.read_ms) == (
        3,
        800.5,
        80.0,
    )


def test_failures_add_up(store: StateStore, key: str, soon: Deadline) -> None:
    """Each gives the lease back and sets the back-off anew."""
    for turn in range(3):
        now = NOW + turn * 100
        store.fail(leased(store, key, soon, now=now), failure(now), soon)
    state = store.read(key, soon)
    assert (state.backoff.failures, state.backoff.until) == (3, NOW + 260)
    assert (state.lease.owner, state.lease.until) == ("", None)
    assert (state.last_call.outcome, state.last_call.at) == (FAILED, NOW + 200)
    assert state.life.warm_until is None


def test_calls_that_were_not_sent_cost_nothing(store: StateStore, key: str, soon: Deadline) -> None:
    """Neither a call nor an unknown price."""
    store.fail(leased(store, key, soon), failure(calls=0), soon)
    state = store.read(key, soon)
    assert (state.money.calls, state.money.unpriced, state.money.spent_usd) == (0, 0, 0.0)


@pytest.mark.parametrize(("started", "until"), [(NOW + 50, NOW + 3650), (NOW - 50, NOW + 3600)])
def test_a_late_holder_only_raises(
    store: StateStore, key: str, soon: Deadline, started: float, until: float
) -> None:
    """Its lease has passed on, been used and given back."""
    late = leased(store, key, soon, "late")
    other = leased(store, key, soon, "other", NOW + 30)
    store.record(other, result(), soon)
    store.record(late, result(started, outcome="refreshed"), soon)
    state = store.read(key, soon)
    assert state.life.warm_until == until
    assert state.last_call.outcome == WRITTEN
    assert (state.money.calls, state.money.spent_usd) == (2, 1.0)


def test_a_late_holder_leaves_the_others_lease(store: StateStore, key: str, soon: Deadline) -> None:
    """Whether it worked or failed, and whatever it cost."""
    late = leased(store, key, soon, "late")
    leased(store, key, soon, "other", NOW + 30)
    store.record(late, result(NOW), soon)
    store.fail(late, failure(NOW + 31, cost_usd=0.25), soon)
    state = store.read(key, soon)
    assert (state.lease.owner, state.lease.token) == ("other", 2)
    assert state.lease.until == NOW + 60
    assert (state.life.warm_until, state.backoff.until, state.backoff.failures) == (
        NOW + 3600,
        None,
        0,
    )
    assert (state.money.calls, state.money.spent_usd) == (2, 0.75)


def test_a_holder_never_lowers(store: StateStore, key: str, soon: Deadline) -> None:
    """Real traffic may have touched the entry meanwhile."""
    lease = leased(store, key, soon)
    store.record_use(key, NOW + 10, 3600, soon)
    store.record(lease, result(NOW, idle_refreshes=None), soon)
    state = store.read(key, soon)
    assert (state.life.warm_until, state.life.last_touch) == (NOW + 3610, NOW + 10)
    assert (state.last_call.outcome, state.lease.owner, state.money.spent_usd) == (WRITTEN, "", 0.5)


def test_a_state_that_was_deleted_meanwhile(store: StateStore, key: str, soon: Deadline) -> None:
    """The table forgets after 35 days; nothing is lost of a call that was in flight."""
    store.record(Lease(key=key, owner="a", token=7), result(), soon)
    state = store.read(key, soon)
    assert (state.life.warm_until, state.money.spent_usd, state.money.calls) == (NOW + 3600, 0.5, 1)


def test_a_touch_raises_and_ends_the_silence(store: StateStore, key: str, soon: Deadline) -> None:
    """With the TTL that the request's own marker was granted."""
    store.record(leased(store, key, soon), result(ttl=300, idle_refreshes=2), soon)
    store.record_use(key, NOW + 200, 300, soon)
    state = store.read(key, soon)
    assert (state.life.warm_until, state.life.last_touch, state.life.granted_ttl) == (
        NOW + 500,
        NOW + 200,
        300,
    )
    assert (state.traffic.idle_refreshes, state.traffic.at) == (0, NOW + 200)


def test_a_touch_never_lowers_but_ends_the_silence(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """A five-minute marker that reads a one-hour entry."""
    store.record(leased(store, key, soon), result(idle_refreshes=2), soon)
    store.record_use(key, NOW + 200, 300, soon)
    state = store.read(key, soon)
    assert (state.life.warm_until, state.life.last_touch, state.life.granted_ttl) == (
        NOW + 3600,
        NOW,
        3600,
    )
    assert (state.traffic.idle_refreshes, state.traffic.at) == (0, NOW + 200)


def test_a_touch_during_a_call_is_not_forgotten(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """The call is the first refresh of the silence that the touch has begun."""
    store.record(leased(store, key, soon), result(idle_refreshes=0), soon)
    for turn in (1, 2):
        at = NOW + turn * 3600
        store.record(leased(store, key, soon, "b", at), result(at, idle_refreshes=1), soon)
        assert store.read(key, soon).traffic.idle_refreshes == turn
    lease = leased(store, key, soon, "c", NOW + 10800)
    store.record_use(key, NOW + 10801, 3600, soon)
    store.record(lease, result(NOW + 10800, idle_refreshes=1), soon)
    assert store.read(key, soon).traffic.idle_refreshes == 1


def test_a_failure_after_the_leases_end_holds_nobody_back(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """An environment that was frozen during its call says nothing about the provider."""
    lease = leased(store, key, soon)
    store.fail(lease, failure(NOW + 600, cost_usd=None), soon)
    state = store.read(key, soon)
    assert (state.backoff.failures, state.backoff.until, state.last_call.outcome) == (0, None, "")
    assert (state.money.calls, state.money.unpriced) == (1, 1)
    assert store.take_lease(key, wish("b", NOW + 601), soon)[1]


def test_a_sign_of_traffic_warms_nothing(store: StateStore, key: str, soon: Deadline) -> None:
    """It ends the silence; an older sign changes nothing."""
    store.record(leased(store, key, soon), result(idle_refreshes=2), soon)
    store.saw_traffic(key, NOW + 100, METRIC, soon)
    state = store.read(key, soon)
    assert (state.traffic.idle_refreshes, state.traffic.at, state.life.warm_until) == (
        0,
        NOW + 100,
        NOW + 3600,
    )
    store.record_check(key, Check(at=NOW, due_at=NOW, reason="", idle_refreshes=4), soon)
    store.saw_traffic(key, NOW + 50, METRIC, soon)
    assert store.read(key, soon).traffic.idle_refreshes == 4
    assert store.read(key, soon).traffic.at == NOW + 100


def test_functions_join(store: StateStore, key: str, soon: Deadline) -> None:
    """Each once, in order."""
    for function in ("b", "a", "b"):
        store.add_function(key, function, soon)
    store.take_lease(key, wish(function="c"), soon)
    assert store.read(key, soon).deployment.functions == ("a", "b", "c")
    assert store.read(key, soon).traffic.started_at is None


def test_a_start_ends_the_silence(store: StateStore, key: str, soon: Deadline) -> None:
    """It says nothing of requests: those are told apart by their own time."""
    store.record(leased(store, key, soon), result(idle_refreshes=2), soon)
    store.add_function(key, "a", soon, NOW + 100)
    state = store.read(key, soon)
    assert (state.traffic.idle_refreshes, state.traffic.started_at, state.traffic.at) == (
        0,
        NOW + 100,
        None,
    )
    assert state.life.warm_until == NOW + 3600


def test_what_is_due(store: StateStore, key: str, soon: Deadline) -> None:
    """Registered once, the longest waiting first, as many as asked for."""
    keys = [f"{key}-{i}" for i in range(5)]
    dues = [-4e9, -1e9, -3e9, -2e9, NOW + 1]
    for one, due_at in zip(keys, dues, strict=True):
        registered = Registration(name="support", at=NOW, due_at=due_at, object="a")
        store.register(one, registered, soon)
        store.register(one, registered.replace(at=NOW + 5, due_at=0.0, object="b"), soon)
    states = store.due(-1e9, 10, soon).states
    assert [state.key for state in states] == [keys[0], keys[2], keys[3], keys[1]]
    assert [state.last_decision.due_at for state in states] == sorted(dues)[:4]
    assert states[0] == store.read(keys[0], soon)
    assert (states[0].name, states[0].deployment.object, states[0].deployment.at) == (
        "support",
        "b",
        NOW + 5,
    )
    assert [state.key for state in store.due(-1e9, 2, soon).states] == [keys[0], keys[2]]
    store.record_check(keys[0], Check(at=NOW, due_at=NOW, reason="left alone", learned="{}"), soon)
    for one in keys[1:4]:
        store.retire(one, soon)
    assert store.due(-1e9, 10, soon).states == []
    planned = store.read(keys[0], soon)
    assert (
        planned.last_decision.due_at,
        planned.last_decision.reason,
        planned.last_decision.learned,
    ) == (
        NOW,
        "left alone",
        "{}",
    )
    store.register(keys[1], Registration(name="support", at=NOW, due_at=-5e9), soon)
    assert [state.key for state in store.due(-1e9, 10, soon).states] == [keys[1]]
    store.retire(keys[1], soon)


def test_retiring_the_unknown_makes_nothing(store: StateStore, key: str, soon: Deadline) -> None:
    """There is no state after it either."""
    store.retire(key, soon)
    assert store.read(key, soon) == State(key=key)


def test_the_ledger_adds(store: StateStore, key: str, soon: Deadline) -> None:
    """By day and outcome; unknown dollars are counted, not guessed."""
    done = Outcome(name="support", kind=WRITTEN, calls=1, cost_usd=0.25)
    for outcome in (
        done,
        done,
        done.replace(cost_usd=None),
        Outcome(name="support", kind=SKIPPED, reason="warm"),
    ):
        add_spending(store, key, "2026-11-21", outcome, soon)
    add_spending(store, key, "2026-11-22", done, soon)
    days = ("2026-11-20", "2026-11-21", "2026-11-22")
    first, second = store.ledger(key, days, soon)
    assert (first.key, first.day, first.outcomes) == (
        key,
        "2026-11-21",
        {WRITTEN: 3, SKIPPED: 1},
    )
    assert (first.spent_usd, first.unpriced) == (0.5, 1)
    assert (second.day, second.outcomes, second.spent_usd) == ("2026-11-22", {WRITTEN: 1}, 0.25)
    assert store.ledger(key + "0", days, soon) == []
    assert store.read(key, soon) == State(key=key)


@pytest.mark.parametrize("how", ["record", "fail"])
def test_a_lost_reply_does_not_count_twice(
    store: StateStore, key: str, soon: Deadline, how: str
) -> None:
    """The client asks again; the call was one, and so is its money."""
    lease = leased(store, key, soon)
    for _ in range(2):
        if how == "record":
            store.record(lease, result(cost_usd=0.5), soon)
        else:
            store.fail(lease, failure(cost_usd=0.5), soon)
    state = store.read(key, soon)
    assert (state.money.calls, state.money.spent_usd, state.backoff.failures) == (
        1,
        0.5,
        int(how == "fail"),
    )


def test_small_amounts_are_kept(store: StateStore, key: str, soon: Deadline) -> None:
    """Down to a billionth of a dollar, and up to what a company spends."""
    for amount in (1e-9, 0.000_123_456, 98_765.25):
        now = NOW if amount < 1 else NOW + 9999
        lease = leased(store, key, soon, f"{amount}", now)
        store.record(lease, result(now - 7200, cost_usd=amount), soon)
    assert store.read(key, soon).money.spent_usd == pytest.approx(98_765.250_123_457, abs=1e-9)


def test_one_of_many_gets_the_lease(store: StateStore, key: str, soon: Deadline) -> None:
    """Fifty threads at once."""
    barrier = Barrier(50)

    def take(number: int) -> bool:
        barrier.wait()
        return store.take_lease(key, wish(f"owner-{number}"), soon)[1]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(take, range(50))).count(True) == 1


def test_no_dollar_is_lost_in_a_crowd(store: StateStore, key: str, soon: Deadline) -> None:
    """Late holders that come back together, with successes and failures."""
    barrier = Barrier(16)

    def come_back(number: int) -> None:
        lease = Lease(key=key, owner=f"o{number}", token=number)
        barrier.wait()
        if number % 2:
            store.record(lease, result(NOW + number, cost_usd=0.25), soon)
        else:
            store.fail(lease, failure(cost_usd=0.5), soon)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(come_back, range(1, 17)))
    state = store.read(key, soon)
    assert (state.money.calls, state.money.spent_usd) == (16, 6.0)
    assert state.life.warm_until == NOW + 15 + 3600


def test_counts_a_session_start_once(store: StateStore, key: str, soon: Deadline) -> None:
    """Of several observers of one start the first counts it, with what it saved."""
    start = SessionStart(at=NOW, quiet=3600, hit=True, saved=True, saved_usd=0.25)
    for _ in range(3):
        store.count_start(key, start, soon)
    state = store.read(key, soon)
    assert (
        state.traffic.starts,
        state.traffic.start_hits,
        state.money.saves,
        state.money.saved_usd,
    ) == (1, 1, 1, 0.25)
    assert (state.traffic.at, state.traffic.idle_refreshes) == (NOW, 0)


def test_counts_what_a_shorter_entry_has_cost(store: StateStore, key: str, soon: Deadline) -> None:
    """A request that wrote although its agent's own entry would have lived."""
    store.count_start(key, SessionStart(at=NOW, quiet=300, hit=False, lost=True), soon)
    state = store.read(key, soon)
    assert (state.money.saves, state.money.losses) == (0, 1)


@pytest.mark.parametrize(("later", "starts"), [(300, 1), (301, 2)])
def test_a_start_comes_after_a_silence(
    store: StateStore, key: str, soon: Deadline, later: float, starts: int
) -> None:
    """Other traffic within the quiet time makes it an ordinary request."""
    store.saw_traffic(key, NOW - 1000, METRIC, soon)
    for at in (NOW, NOW + later):
        store.count_start(key, SessionStart(at=at, quiet=300, hit=False), soon)
    state = store.read(key, soon)
    assert (state.traffic.starts, state.traffic.start_hits, state.money.saves) == (starts, 0, 0)


def test_a_start_tells_what_its_request_asked_for(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """And has a listed prefix looked at again; what read asked for nothing."""
    missed = SessionStart(at=NOW, quiet=300, hit=False, asked_ttl=300)
    store.count_start(key, missed, soon)
    assert (
        store.read(key, soon).traffic.agent_ttl,
        store.read(key, soon).last_decision.due_at,
    ) == (
        300,
        None,
    )
    store.record_check(key, Check(at=NOW, due_at=NOW + 9000, reason=""), soon)
    store.count_start(key, SessionStart(at=NOW + 900, quiet=300, hit=True, recheck=True), soon)
    state = store.read(key, soon)
    assert (state.traffic.agent_ttl, state.last_decision.due_at) == (300, NOW + 900)


def test_the_last_drift_is_kept(store: StateStore, key: str, soon: Deadline) -> None:
    """Tier, place and time; an older word comes too late, and no life is touched."""
    store.record(leased(store, key, soon), result(idle_refreshes=2), soon)
    before = store.read(key, soon)
    for at, tier in ((NOW + 5, "tools"), (NOW + 9, "system"), (NOW + 7, "messages")):
        store.note_drift(key, Drift(at=at, tier=tier, place=f"{tier}[0]"), soon)
    last = {"drift_at": NOW + 9, "drift_tier": "system", "drift_place": "system[0]"}
    assert store.read(key, soon) == changed(before, **last)


@pytest.mark.parametrize("ttl", [300, 3600])
def test_a_touch_outdates_a_drift(store: StateStore, key: str, soon: Deadline, ttl: int) -> None:
    """Whether or not it raises the life, and when its session start was counted as well."""
    store.record(leased(store, key, soon), result(), soon)
    store.note_drift(key, Drift(at=NOW + 5, tier="tools", place="tools[0]"), soon)
    assert not store.read(key, soon).traffic.matched_at
    store.count_start(key, SessionStart(at=NOW + 6, quiet=300, hit=True), soon)
    store.record_use(key, NOW + 6, ttl, soon)
    state = store.read(key, soon)
    assert (state.traffic.matched_at, state.traffic.drift_at) == (NOW + 6, NOW + 5)


def test_a_lease_is_extended_by_its_holder_alone(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """Once it has sent; a late one learns that another has taken the lease over."""
    state, taken = store.take_lease(key, wish("a", seconds=11, unsent=True), soon)
    first = Lease(key=key, owner="a", token=state.lease.token)
    assert (taken, state.lease.unsent) == (True, "a")
    assert store.extend_lease(first, NOW + 33, soon)
    state = store.read(key, soon)
    assert (state.lease.until, state.lease.unsent) == (NOW + 33, "")
    second = leased(store, key, soon, "b", NOW + 33)
    assert not store.extend_lease(first, NOW + 99, soon)
    assert store.read(key, soon).lease.owner == second.owner


def test_a_silent_holder_is_relieved_before_its_lease_ends(
    store: StateStore, key: str, soon: Deadline
) -> None:
    """By whoever watched that very lease, unless its holder has sent meanwhile."""
    for owner, sends in (("a", False), ("c", True)):
        state, taken = store.take_lease(key, wish(owner, unsent=True), soon)
        assert taken
        silent = Lease(key=key, owner=owner, token=state.lease.token)
        if sends:
            store.extend_lease(silent, NOW + 33, soon)
        for watched in (silent.replace(token=77), silent.replace(owner="x"), None):
            assert not store.take_lease(key, wish("b", silent=watched), soon)[1]
        state, taken = store.take_lease(key, wish("b", silent=silent), soon)
        assert (taken, state.lease.owner) == ((False, "c") if sends else (True, "b"))
        assert state.lease.unsent == ""
        if taken:
            relieving = Lease(key=key, owner="b", token=state.lease.token)
            store.fail(relieving, failure(backoff_until=NOW), soon)


def test_a_lease_that_no_holder_takes_is_none(store: StateStore, key: str, soon: Deadline) -> None:
    """A dead holder's clock was ahead: nobody waits for what it calls a minute."""
    assert store.take_lease(key, wish("a", NOW + 600), soon)[1]
    assert not store.read(key, soon).leased(NOW)
    state, taken = store.take_lease(key, wish("b"), soon)
    assert (taken, state.lease.owner, state.lease.until) == (True, "b", NOW + 30)
    assert not store.take_lease(key, wish("c"), soon)[1]


def test_a_start_is_noted_with_its_lease(store: StateStore, key: str, soon: Deadline) -> None:
    """Which saves it a write of its own."""
    state, _ = store.take_lease(key, wish(started_at=NOW, function="agent"), soon)
    assert (state.traffic.started_at, state.attributes()["idle"]) == (NOW, 0)
    assert state.deployment.functions == ("agent",)


def test_the_time_is_the_tables(store: StateStore, key: str, soon: Deadline) -> None:
    """As this machine's clock is right, it is the same."""
    store.read(key, soon)
    assert abs(store.now() - time()) < 5
