"""Operations that record real traffic and starts in the state."""

from __future__ import annotations

from prefixwarm.state.changes import end_silence, keep
from prefixwarm.state.model import OBSERVED, shared_key
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.state.update_expression import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.model import Drift, SessionStart
    from prefixwarm.wire.deadline import Deadline


class TrafficOperations(TableAccess):
    """Record what an agent's requests did; see `StateStore`."""

    def record_use(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """See `StateStore`."""
        from prefixwarm.state.traffic_changes import record_use

        change = Change()
        record_use(change, started, ttl)
        end_silence(change, started, OBSERVED)
        try:
            self._update(key, change, deadline)
        except ConditionFailed:
            self._update_if(key, _matched(started), deadline)

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """See `StateStore`."""
        from prefixwarm.state.traffic_changes import count_start

        change = Change()
        end_silence(change, start.at, OBSERVED)
        count_start(change, start)
        self._update_if(key, change, deadline)

    def note_observer(self, key: str, at: float, deadline: Deadline) -> None:
        """See `StateStore`."""
        shared, own = Change(), Change()
        shared.set("traffic_by", OBSERVED)
        keep(shared, at)
        self._update(shared_key(key), shared, deadline)
        own.set("due_at", at)
        own.require("attribute_exists(#due_at)")
        self._update_if(key, own, deadline)

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """See `StateStore`."""
        from prefixwarm.state.traffic_changes import note_drift

        change = Change()
        note_drift(change, drift)
        keep(change, drift.at)
        self._update_if(key, change, deadline)

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        change = Change()
        end_silence(change, at, by)
        change.require(change.absent_or("traffic_at", "<", at))
        self._update_if(key, change, deadline)

    def add_function(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """See `StateStore`."""
        change = Change()
        change.add_to_set("functions", function)
        if started is not None:
            change.set("started_at", started)
            change.set("idle", 0)
            keep(change, started)
        self._update(key, change, deadline)


def _matched(at: float) -> Change:
    change = Change()
    change.set("matched_at", at)
    end_silence(change, at, OBSERVED)
    # A session start counted just now has set the same time.
    change.require(change.absent_or("traffic_at", "<=", at))
    return change
