"""What one start does about the calls of others."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.settings import Settings
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import METRIC, OBSERVED, Failure, Lease, LeaseRequest
from prefixwarm.state.warm_state import State
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.context import StartContext
from prefixwarm_extension.init_policy import Start
from prefixwarm_extension.main import note_start
from prefixwarm_extension.ready_signal import ReadySignal
from prefixwarm_extension.warming import warm_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.compiled import WarmCall

HOUR = 3600.0


class NoProvider:
    """A provider that nobody may ask."""

    def send(self, *_arguments: object) -> None:
        """Fail the test."""
        raise AssertionError("nothing may be sent")


@pytest.fixture
def descriptor() -> Iterator[int]:
    """Where the launcher listens."""
    read, write = os.pipe()
    yield write
    os.close(read)
    os.close(write)


def started(store: MemoryState, descriptor: int) -> StartContext:
    """An on-demand start of the function `agent`."""
    return StartContext(
        environ={"AWS_LAMBDA_FUNCTION_NAME": "agent"},
        settings=Settings(table="t"),
        start=Start(kind="on-demand", hold=HOUR),
        began=monotonic(),
        store=store,
        provider=NoProvider(),  # type: ignore[arg-type]
        ready=ReadySignal(descriptor, monotonic()),
        seen={},
        decisions={},
    )


def test_a_call_in_flight_after_failed_ones_is_not_waited_for(
    call: WarmCall, descriptor: int
) -> None:
    """Where the provider hangs, one start holds its function until it knows, and no other."""
    store, soon, now = MemoryState(), Deadline.after(60), time()
    context = started(store, descriptor)
    key = context.key(call)

    def lease(owner: str) -> Lease:
        wish = LeaseRequest(name="support", owner=owner, now=time(), seconds=100, needed_until=now)
        state, taken = store.take_lease(key, wish, soon)
        assert taken
        return Lease(key=key, owner=owner, token=state.lease.token)

    failed = Failure(
        outcome="failed", reason="no complete reply in time", at=now, backoff_until=now
    )
    store.fail(lease("first"), failed, soon)
    lease("second")
    (outcome,) = warm_all([call], context)
    assert (outcome.kind, outcome.reason) == ("skipped", "in flight, after 1 failed calls")
    assert context.ready.held > 0


@pytest.mark.parametrize(
    ("traffic", "used"),
    [
        ({}, False),
        ({"matched_at": 1.0}, True),
        ({"matched_at": 1.0, "used_by": ("other",)}, False),
        ({"matched_at": 1.0, "used_by": ("agent", "other")}, True),
    ],
)
def test_a_prefix_is_used_by_the_function_whose_requests_were_seen_to(
    traffic: dict[str, Any], used: bool
) -> None:
    """By any, where none has named itself; another function's requests say nothing of this one."""
    assert State.of("k", **traffic).is_used_by("agent") is used


@pytest.mark.parametrize(("by", "idle"), [("", 0), (METRIC, 0), (OBSERVED, 2)])
def test_a_start_ends_the_silence_of_agents_that_nobody_observes(
    call: WarmCall, descriptor: int, by: str, idle: int
) -> None:
    """Observed requests end it themselves, and starts without them prolong no refreshes."""
    store, soon = MemoryState(), Deadline.after(60)
    context = started(store, descriptor)
    key = context.key(call)
    store.add_function(key, "agent", soon)
    if by:
        store.saw_traffic(key, 1.0, by, soon)
    store.record_check(key, Check(at=2.0, due_at=3.0, reason="", idle_refreshes=2), soon)
    context.seen[key] = store.read(key, soon)
    note_start(context)
    assert store.read(key, soon).traffic.idle_refreshes == idle
