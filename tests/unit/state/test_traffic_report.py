"""Reports of real requests that are sent again: what counts once, and the one that does not."""

from __future__ import annotations

import pytest

from prefixwarm.state.memory import MemoryState
from prefixwarm.state.traffic_report import TrafficReport
from prefixwarm.wire.deadline import Deadline

KEY = "state/anthropic/-/default/support/claude/0"
NOW = 1_763_700_000.0
SOON = Deadline.after(600)


def report(name: str, at: float = NOW) -> TrafficReport:
    """Two requests, of which one read the entry."""
    return TrafficReport(
        id=name, key=KEY, file_ttl=300, first_at=at, last_at=at, requests=2, hits=1, read=900
    )


def send(store: MemoryState, *reports: TrafficReport) -> tuple[int, int, int]:
    """Send them in this order; what the state then counts."""
    for one in reports:
        store.report(one, store.read(KEY, SOON), SOON)
    seen = store.read(KEY, SOON).observed
    return seen.requests, seen.hits, seen.read


def test_a_report_that_is_sent_again_counts_once() -> None:
    """The reply was lost, or the layer found it in a file at the environment's end."""
    assert send(MemoryState(), *3 * [report("a")]) == (2, 1, 900)
    assert send(MemoryState(), report("a"), report("b"), report("b")) == (4, 2, 1800)


@pytest.mark.parametrize("later", [0.0, 30.0])
def test_it_counts_twice_where_another_process_came_between(later: float) -> None:
    """The bound: that report alone, once more for each time that its reply was lost.

    The state remembers one report's id. To know of all would take a write of its own for each.
    """
    a, b = report("a"), report("b", NOW + later)
    assert send(MemoryState(), a, b, a) == (6, 3, 2700)
    assert send(MemoryState(), a, b, b, a, a) == (6, 3, 2700)


def test_traffic_does_not_go_back_when_a_report_comes_again() -> None:
    """Only sums can count twice; times stay those of the last request."""
    store, a, b = MemoryState(), report("a"), report("b", NOW + 30)
    send(store, a, b, a)
    assert store.read(KEY, SOON).traffic.at == NOW + 30
