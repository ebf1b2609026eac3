"""The store of warm states, for code that observes."""

from __future__ import annotations

from prefixwarm.state.changes import keep
from prefixwarm.state.model import OBSERVED, shared_key
from prefixwarm.state.update_expression import Change
from prefixwarm.state.warm_store import WarmStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.model import Drift, SessionStart
    from prefixwarm.state.traffic_report import TrafficReport
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


class TrafficStore(WarmStore):
    """A `WarmStore` that also records what requests did; the init phase does not load it."""

    def record_use(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """Record that a real request used the entry: raise `warm_until` and end the silence.

        This clears an earlier drift.
        """
        change = Change()
        _record_use(change, started, ttl)
        _end_silence(change, started, OBSERVED)
        if not self._update_if(key, change, deadline):
            self._update_if(key, _matched(started), deadline)

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """Count the first request after a silence, once."""
        change = Change()
        _end_silence(change, start.at, OBSERVED)
        _count_start(change, start)
        self._update_if(key, change, deadline)

    def note_observer(self, key: str, at: float, deadline: Deadline) -> None:
        """Note that an agent observes its requests; applies to all versions of the prefix.

        The keep-warm function checks the prefix at its next tick.
        """
        shared, own = Change(traffic_by=OBSERVED), Change(due_at=at)
        keep(shared, at)
        self._update(shared_key(key), shared, deadline)
        own.require("attribute_exists(#due_at)")
        self._update_if(key, own, deadline)

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """Note that a real request differed from the prefix; older drifts are ignored."""
        change = Change()
        _note_drift(change, drift)
        keep(change, drift.at)
        self._update_if(key, change, deadline)

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """Note real traffic and its source `by`: end the silence, leave `warm_until` unchanged."""
        change = Change()
        _end_silence(change, at, by)
        change.require(change.absent_or("traffic_at", "<", at))
        self._update_if(key, change, deadline)

    def report(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """Record a process's report of a prefix's requests once; `state` is as last read."""
        if self._update_if(report.key, _all_at_once(report, state), deadline):
            return
        self._report_parts(report, state, deadline)
        change = Change()
        _count_requests(change, report)
        keep(change, report.last_at)
        self._update_if(report.key, change, deadline)

    def _report_parts(self, report: TrafficReport, state: State, deadline: Deadline) -> None:
        """Write the parts one by one, keeping what others have reported meanwhile."""
        if start := report.session_start(state):
            self.count_start(report.key, start, deadline)
        if drift := report.drift:
            self.note_drift(report.key, drift, deadline)
        if report.matched_at is not None:
            self.record_use(report.key, report.matched_at, report.ttl(state), deadline)
        self.saw_traffic(report.key, report.last_at, OBSERVED, deadline)


def _all_at_once(report: TrafficReport, state: State) -> Change:
    """The whole report in one request, if nobody has reported later traffic meanwhile."""
    change = Change()
    _end_silence(change, report.last_at, OBSERVED)
    _count_requests(change, report)
    if start := report.session_start(state):
        _count_start(change, start)
    else:
        change.require(change.absent_or("traffic_at", "<=", report.last_at))
    if drift := report.drift:
        _note_drift(change, drift)
    if report.matched_at is not None:
        _record_use(change, report.matched_at, report.ttl(state))
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


def _record_use(change: Change, started: float, ttl: int) -> None:
    until = started + ttl
    change.set(warm_until=until, last_touch=started, granted_ttl=ttl, matched_at=started)
    change.require(change.absent_or("warm_until", "<", until))


def _count_start(change: Change, start: SessionStart) -> None:
    change.add(starts=1, start_hits=int(start.hit))
    change.add(saves=int(start.saved), saved_usd=start.saved_usd or 0.0)
    if start.init_read:
        change.add(init_reads=1)
    if start.lost:
        change.add(losses=1)
    if start.asked_ttl is not None:
        change.set(agent_ttl=start.asked_ttl)
    if start.recheck:
        change.set(due_at=start.at)
    change.require(change.absent_or("traffic_at", "<", start.at - start.quiet))


def _note_drift(change: Change, drift: Drift) -> None:
    change.set(drift_tier=drift.tier, drift_place=drift.place, drift_at=drift.at)
    change.require(change.absent_or("drift_at", "<", drift.at))


def _matched(at: float) -> Change:
    change = Change(matched_at=at)
    _end_silence(change, at, OBSERVED)
    # A session start counted just now has set the same time.
    change.require(change.absent_or("traffic_at", "<=", at))
    return change


def _end_silence(change: Change, at: float, by: str) -> None:
    change.set(traffic_at=at, traffic_by=by, idle=0)
    keep(change, at)
