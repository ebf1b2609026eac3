"""Changes that real requests make to the warm state; the init phase does not load them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.model import Drift, SessionStart
    from prefixwarm.state.update_expression import Change


def record_use(change: Change, started: float, ttl: int) -> None:
    until = started + ttl
    change.set(warm_until=until, last_touch=started, granted_ttl=ttl, matched_at=started)
    change.require(change.absent_or("warm_until", "<", until))


def count_start(change: Change, start: SessionStart) -> None:
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


def note_drift(change: Change, drift: Drift) -> None:
    change.set(drift_tier=drift.tier, drift_place=drift.place, drift_at=drift.at)
    change.require(change.absent_or("drift_at", "<", drift.at))
