"""Writes a report of real requests into the warm state, in one request unless callers collide."""

from __future__ import annotations

from contextlib import suppress

from prefixwarm.state.changes import end_silence, keep
from prefixwarm.state.model import OBSERVED
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.state.traffic_changes import count_start, note_drift, record_use
from prefixwarm.state.update_expression import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.state.traffic_operations import TrafficOperations
    from prefixwarm.state.traffic_report import TrafficReport
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline

    Update = Callable[[str, Change, Deadline], object]


def send(
    store: TrafficOperations,
    update: Update,
    report: TrafficReport,
    state: State,
    deadline: Deadline,
) -> None:
    """See `WarmStore.report`; `update` applies a change to an item of its table."""
    try:
        update(report.key, _all_at_once(report, state), deadline)
    except ConditionFailed:
        _send_parts(store, report, state, deadline)
        change = Change()
        _count_requests(change, report)
        keep(change, report.last_at)
        with suppress(ConditionFailed):
            update(report.key, change, deadline)


def _send_parts(
    store: TrafficOperations, report: TrafficReport, state: State, deadline: Deadline
) -> None:
    """Write the parts one by one, keeping what others have reported meanwhile."""
    if start := report.session_start(state):
        store.count_start(report.key, start, deadline)
    if drift := report.drift:
        store.note_drift(report.key, drift, deadline)
    if report.matched_at is not None:
        store.record_use(report.key, report.matched_at, report.ttl(state), deadline)
    store.saw_traffic(report.key, report.last_at, OBSERVED, deadline)


def _all_at_once(report: TrafficReport, state: State) -> Change:
    """The whole report in one request, if nobody has reported later traffic meanwhile."""
    change = Change()
    end_silence(change, report.last_at, OBSERVED)
    _count_requests(change, report)
    if start := report.session_start(state):
        count_start(change, start)
    else:
        change.require(change.absent_or("traffic_at", "<=", report.last_at))
    if drift := report.drift:
        note_drift(change, drift)
    if report.matched_at is not None:
        record_use(change, report.matched_at, report.ttl(state))
    return change


def _count_requests(change: Change, report: TrafficReport) -> None:
    """Add the sums once per report: a retry after a lost reply meets the report's own id."""
    change.add(requests=report.requests, request_hits=report.hits)
    change.add(tokens_read=report.read, tokens_written=report.written)
    change.add(tokens_uncached=report.uncached)
    change.add(missed_usd=report.missed_usd, missed_unpriced=report.missed_unpriced)
    if report.matched_at is not None and report.function:
        change.add_to_set("used_by", report.function)
    change.set(last_report=report.id)
    change.require(change.absent_or("last_report", "<>", report.id))
