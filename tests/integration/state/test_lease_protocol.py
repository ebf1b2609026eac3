"""The lease protocol, model-checked: holders that die, hang, thaw late, and clocks that differ."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.model import OBSERVED, Failure, Lease, LeaseRequest, Result
from prefixwarm.state.outcome import FAILED, WRITTEN
from prefixwarm.state.warm_state import State
from prefixwarm.warm.lease_time import LEASE_MARGIN_SECONDS
from prefixwarm.wire.deadline import Deadline
from tests.helpers.effort import EXAMPLES
from tests.helpers.states import changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.state.store import StateStore
    from tests.conftest import Tried

SOON = Deadline.after(3600)
START = 1_763_700_000.0
MAX_SKEW = 5.0
HOLDERS = 4
# Of histories of which each step goes through a file or a server.
SLOW_EXAMPLES = EXAMPLES // 4

holders = st.integers(0, HOLDERS - 1)
quarters = partial(st.integers, 0)
# Amounts that neither binary nor nine-digit decimal fractions round.
dollars = st.none() | st.integers(0, 64).map(lambda n: n / 512)


class Call:
    """A warm call that a holder has in flight."""

    def __init__(self, lease: Lease, started: float, ends: float) -> None:
        self.lease = lease
        self.started = started
        self.ends = ends


class LeaseProtocol(RuleBasedStateMachine):
    """Several holders of one prefix on a store, against a model of what must be.

    Each holder does what `prefixwarm.warm.attempt` does: it asks for a lease of its budget and the
    margin, and no call of its outlives its budget. Clocks differ from true time by up to 5 s.
    """

    def __init__(self, store: StateStore) -> None:
        super().__init__()
        self.store = store
        self.key = f"state/anthropic/-/default/m/{uuid4().hex}"
        self.now = START
        self.calls: dict[int, Call] = {}
        self.model = State(key=self.key)

    @initialize(skews=st.tuples(*[st.integers(-20, 20).map(lambda q: q / 4)] * HOLDERS))
    def clocks(self, skews: tuple[float, ...]) -> None:
        """Give each holder its clock."""
        self.skews = skews

    def clock(self, holder: int) -> float:
        """What time this holder believes it is."""
        return self.now + self.skews[holder]

    def expect(self, **changes: object) -> None:
        """Change the model."""
        self.model = changed(self.model, **changes)

    def spend(self, cost_usd: float | None) -> None:
        """A call that was made, in the model."""
        self.expect(
            calls=self.model.money.calls + 1,
            unpriced=self.model.money.unpriced + (cost_usd is None),
            spent_usd=self.model.money.spent_usd + (cost_usd or 0.0),
        )

    def holds(self, lease: Lease) -> bool:
        """Whether the lease is the last that was given."""
        return lease.token == self.model.lease.token

    @rule(seconds=quarters(400).map(lambda q: q / 4))
    def time_passes(self, seconds: float) -> None:
        """Calls run out of their budget; their holders may still come back."""
        self.now += seconds

    @rule(holder=holders, budget=quarters(120).map(lambda q: 1 + q / 4), need=st.integers(0, 400))
    def takes(self, holder: int, budget: float, need: int) -> None:
        """Somebody asks for the lease and, given it, starts a call."""
        now, lease_seconds = self.clock(holder), budget + LEASE_MARGIN_SECONDS
        asked = LeaseRequest(
            name="support",
            owner=f"{holder}/{self.now}",
            now=now,
            seconds=lease_seconds,
            needed_until=now + need,
            by=f"caller-{holder}",
        )
        model = self.model
        free = (
            not model.leased(now)
            and not model.held_back(now, asked.by)
            and (model.life.warm_until or 0.0) <= asked.needed_until
        )
        again = model.leased(now) and model.lease.owner == asked.owner
        state, taken = self.store.take_lease(self.key, asked, SOON)
        assert taken == (free or again)
        if free:
            others = [call for other, call in self.calls.items() if other != holder]
            assert all(call.ends <= self.now for call in others), "two live leases"
            self.expect(
                name="support",
                lease_owner=asked.owner,
                lease_until=now + lease_seconds,
                lease_token=model.lease.token + 1,
            )
            lease = Lease(key=self.key, owner=asked.owner, token=state.lease.token)
            self.calls[holder] = Call(lease, now, self.now + budget)

    @precondition(lambda self: self.calls)
    @rule(holder=holders, ttl=st.sampled_from([300, 3600]), cost=dollars, one=st.booleans())
    def succeeds(self, holder: int, ttl: int, cost: float | None, one: bool) -> None:
        """A call comes back, in time or late."""
        if not (call := self.calls.pop(holder, None)):
            return
        result = Result(
            outcome=WRITTEN,
            started=call.started,
            ttl=ttl,
            max_tokens=int(one),
            due_at=call.started + ttl - 60,
            cost_usd=cost,
        )
        self.store.record(call.lease, result, SOON)
        before = self.model.life.warm_until or 0.0
        raised = before < result.warm_until
        if raised or (self.holds(call.lease) and before == result.warm_until):
            self.expect(
                warm_until=result.warm_until,
                last_touch=call.started,
                granted_ttl=ttl,
                due_at=result.due_at,
            )
        if self.holds(call.lease):
            self.expect(
                outcome=WRITTEN,
                outcome_at=call.started,
                reason="",
                max_tokens=int(one),
                failures=0,
                backoff_until=None,
                backoff_of="",
                lease_owner="",
                lease_until=None,
            )
        self.spend(cost)

    @precondition(lambda self: self.calls)
    @rule(holder=holders, pause=st.integers(0, 200), cost=dollars, own=st.booleans())
    def fails(self, holder: int, pause: int, cost: float | None, own: bool) -> None:
        """A call fails, in time or late."""
        if not (call := self.calls.pop(holder, None)):
            return
        at = self.clock(holder)
        failure = Failure(
            outcome=FAILED,
            reason="HTTP 529",
            at=at,
            backoff_until=at + pause,
            cost_usd=cost,
            by=f"caller-{holder}",
            own_fault=own,
        )
        self.store.fail(call.lease, failure, SOON)
        if self.holds(call.lease) and (self.model.lease.until or 0.0) >= at:
            self.expect(
                outcome=FAILED,
                outcome_at=at,
                reason="HTTP 529",
                backoff_until=at + pause,
                backoff_of=failure.by if own else "",
                failures=self.model.backoff.failures + 1,
                lease_owner="",
                lease_until=None,
            )
        self.spend(cost)

    @precondition(lambda self: self.calls)
    @rule(holder=holders)
    def dies(self, holder: int) -> None:
        """A holder is never heard of again; its lease must pass on by itself."""
        self.calls.pop(holder, None)

    @rule(holder=holders, ttl=st.sampled_from([300, 3600]))
    def is_touched(self, holder: int, ttl: int) -> None:
        """Real traffic reads or writes the entry."""
        at = self.clock(holder)
        self.store.record_use(self.key, at, ttl, SOON)
        if (self.model.life.warm_until or 0.0) < at + ttl:
            self.expect(warm_until=at + ttl, last_touch=at, granted_ttl=ttl)
        elif (self.model.traffic.at or 0.0) > at:
            return
        self.expect(traffic_at=at, traffic_by=OBSERVED, matched_at=at, idle=0)

    @invariant()
    def is_as_modelled(self) -> None:
        """Nothing else changes: no lowered life, no touched lease, no lost dollar."""
        assert self.store.read(self.key, SOON) == self.model

    def teardown(self) -> None:
        """Whatever happened, the lease passes on in the end."""
        later = self.now + 4000
        asked = LeaseRequest(name="support", owner="last", now=later, seconds=1, needed_until=later)
        assert self.store.take_lease(self.key, asked, SOON)[1]


def check(store: Callable[[], StateStore], examples: int, steps: int, **more: Any) -> int:
    """Run the machine on a store; return how many histories it went through."""
    histories = 0

    def history() -> LeaseProtocol:
        nonlocal histories
        histories += 1
        return LeaseProtocol(store())

    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        **more,
    )
    run_state_machine_as_test(history, settings=limits)
    return histories


def test_in_memory(tried: Tried) -> None:
    """Many and long histories."""
    tried(check(MemoryState, 2 * EXAMPLES, 40), "histories of several holders, in memory")


def test_in_a_file(tmp_path: Path, tried: Tried) -> None:
    """The same through JSON."""
    histories = check(lambda: FileState(tmp_path / "state.json"), SLOW_EXAMPLES, 25)
    tried(histories, "histories of several holders, in a file")


def test_in_dynamodb(dynamo: StateStore, tried: Tried) -> None:
    """The same through expressions and conditions."""
    histories = check(lambda: dynamo, SLOW_EXAMPLES, 25)
    tried(histories, "histories of several holders, in DynamoDB")


def test_the_check_has_teeth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a margin for clocks that differ, two leases live at once, and it is noticed."""
    monkeypatch.setitem(globals(), "LEASE_MARGIN_SECONDS", 0.0)
    with pytest.raises(AssertionError, match="two live leases"):
        check(MemoryState, 2000, 12, phases=[Phase.generate])


@pytest.mark.parametrize("budget", [0.25, 5.0])
def test_every_pair_of_clocks(budget: float) -> None:
    """Exhaustively: nobody takes over before a holder's budget is over, and somebody then can."""
    skews = [quarter / 4 for quarter in range(-20, 21, 2)]
    for mine in skews:
        for theirs in skews:
            store = MemoryState()
            lasting = budget + LEASE_MARGIN_SECONDS
            assert store.take_lease("k", lease_wish("a", START + mine, lasting), SOON)[1]
            for quarter in range(int(budget * 4)):
                now = START + quarter / 4 + theirs
                assert not store.take_lease("k", lease_wish("b", now, lasting), SOON)[1]
            now = START + lasting + 2 * MAX_SKEW + theirs
            assert store.take_lease("k", lease_wish("b", now, lasting), SOON)[1]


def lease_wish(owner: str, now: float, seconds: float) -> LeaseRequest:
    """A wish for a cold entry."""
    return LeaseRequest(name="support", owner=owner, now=now, seconds=seconds, needed_until=now)
