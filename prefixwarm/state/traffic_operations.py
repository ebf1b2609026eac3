"""Operations that record real traffic and starts in the state."""

from __future__ import annotations

from prefixwarm.state.changes import end_silence, keep
from prefixwarm.state.model import OBSERVED, shared_key
from prefixwarm.state.table_access import TableAccess
from prefixwarm.state.update_expression import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.model import Drift, SessionStart
    from prefixwarm.wire.deadline import Deadline


class TrafficOperations(TableAccess):
    """Record what an agent's requests did; errors as in `WarmStore`."""

    def record_use(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """Record that a real request used the entry: raise `warm_until` and end the silence.

        This clears an earlier drift.
        """
        from prefixwarm.state.traffic_changes import record_use

        change = Change()
        record_use(change, started, ttl)
        end_silence(change, started, OBSERVED)
        if not self._update_if(key, change, deadline):
            self._update_if(key, _matched(started), deadline)

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """Count the first request after a silence, once."""
        from prefixwarm.state.traffic_changes import count_start

        change = Change()
        end_silence(change, start.at, OBSERVED)
        count_start(change, start)
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
        from prefixwarm.state.traffic_changes import note_drift

        change = Change()
        note_drift(change, drift)
        keep(change, drift.at)
        self._update_if(key, change, deadline)

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """Note real traffic and its source `by`: end the silence, leave `warm_until` unchanged."""
        change = Change()
        end_silence(change, at, by)
        change.require(change.absent_or("traffic_at", "<", at))
        self._update_if(key, change, deadline)

    def add_function(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """Note that this function sends the prefix.

        `started`: when it started for a waiting request, which ends the silence.
        """
        change = Change()
        change.add_to_set("functions", function)
        if started is not None:
            change.set(started_at=started, idle=0)
            keep(change, started)
        self._update(key, change, deadline)


def _matched(at: float) -> Change:
    change = Change(matched_at=at)
    end_silence(change, at, OBSERVED)
    # A session start counted just now has set the same time.
    change.require(change.absent_or("traffic_at", "<=", at))
    return change
