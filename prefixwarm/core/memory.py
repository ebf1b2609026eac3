"""The warm state in memory, and in a file: what `DynamoState` does, without a table."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from threading import RLock

from prefixwarm.core.errors import StateError
from prefixwarm.core.state import Ledger, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from prefixwarm.core.deadline import Deadline
    from prefixwarm.core.outcome import Outcome
    from prefixwarm.core.state import (
        Check,
        Drift,
        Failure,
        Lease,
        LeaseWish,
        Registration,
        Result,
        SessionStart,
    )

__all__ = ["FileState", "MemoryState"]

_CHECKED = ("idle", "learned", "rewrites", "tripped_until")


class MemoryState:
    """A `StateStore` in this process; safe between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._states: dict[str, State] = {}
        self._ledgers: dict[tuple[str, str], Ledger] = {}

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            yield

    def _change(self, state: State, **changes: Any) -> State:
        self._states[state.key] = state.replace(**changes)
        return self._states[state.key]

    def _at(self, key: str) -> State:
        return self._states.get(key) or State(key=key)

    def read(self, key: str, deadline: Deadline) -> State:
        """See `StateStore`."""
        with self._exclusive():
            return self._at(key)

    def take_lease(self, key: str, wish: LeaseWish, deadline: Deadline) -> tuple[State, bool]:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            busy = state.leased(wish.now) or (state.backoff_until or 0.0) > wish.now
            if busy or (state.warm_until or 0.0) > wish.needed_until:
                return state, state.lease_owner == wish.owner and state.leased(wish.now)
            functions = {*state.functions, wish.function} - {""}
            taken = self._change(
                state,
                name=wish.name,
                deployment=wish.deployment or state.deployment,
                functions=tuple(sorted(functions)),
                lease_owner=wish.owner,
                lease_until=wish.now + wish.seconds,
                lease_token=state.lease_token + 1,
            )
            return taken, True

    def record(self, lease: Lease, result: Result, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._spend(self._at(lease.key), result.calls, result.cost_usd)
            holds = state.lease_token == lease.token
            longer = (state.warm_until or 0.0) < result.warm_until
            if longer or (holds and state.warm_until == result.warm_until):
                state = self._change(
                    state,
                    warm_until=result.warm_until,
                    last_touch=result.started,
                    granted_ttl=result.ttl,
                    due_at=result.due_at,
                )
            if holds:
                self._change(state, **_as_holder(state, result))

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._spend(self._at(lease.key), failure.calls, failure.cost_usd)
            if state.lease_token == lease.token:
                self._change(
                    state,
                    outcome=failure.outcome,
                    outcome_at=failure.at,
                    reason=failure.reason,
                    backoff_until=failure.backoff_until,
                    failures=state.failures + 1,
                    lease_owner="",
                    lease_until=None,
                )

    def touch(self, key: str, started: float, ttl: int, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if (state.warm_until or 0.0) < started + ttl:
                self._change(
                    state,
                    warm_until=started + ttl,
                    last_touch=started,
                    granted_ttl=ttl,
                    traffic_at=started,
                    matched_at=started,
                    idle=0,
                )
            elif (state.traffic_at or 0.0) <= started:
                self._change(state, traffic_at=started, matched_at=started, idle=0)

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if state.traffic_at is not None and state.traffic_at >= start.at - start.quiet:
                return
            self._change(
                state,
                traffic_at=start.at,
                idle=0,
                starts=state.starts + 1,
                start_hits=state.start_hits + start.hit,
                saves=state.saves + start.saved,
                saved_usd=state.saved_usd + (start.saved_usd or 0.0),
            )

    def note_drift(self, key: str, drift: Drift, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if (state.drift_at or 0.0) < drift.at:
                self._change(
                    state,
                    drift_at=drift.at,
                    drift_tier=drift.tier,
                    drift_place=drift.place,
                )

    def saw_traffic(self, key: str, at: float, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if (state.traffic_at or 0.0) < at:
                self._change(state, traffic_at=at, idle=0)

    def join(
        self, key: str, function: str, deadline: Deadline, started: float | None = None
    ) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            signs = {} if started is None else {"started_at": started, "idle": 0}
            functions = tuple(sorted({*state.functions, function}))
            self._change(state, functions=functions, **signs)

    def register(self, key: str, registration: Registration, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            self._change(
                state,
                name=registration.name,
                object=registration.object,
                deployed_at=registration.at,
                due_at=registration.due_at if state.due_at is None else state.due_at,
            )

    def plan(self, key: str, check: Check, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            changes = {name: getattr(check, name) for name in _CHECKED}
            said = {name: value for name, value in changes.items() if value is not None}
            self._change(self._at(key), due_at=check.due_at, reason=check.reason, **said)

    def pause(self, key: str, until: float, reason: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if (state.backoff_until or 0.0) < until:
                self._change(state, backoff_until=until, reason=reason)

    def retire(self, key: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            if key in self._states:
                self._change(self._at(key), due_at=None)

    def due(self, now: float, limit: int, deadline: Deadline) -> list[State]:
        """See `StateStore`."""
        with self._exclusive():
            waiting = [s for s in self._states.values() if s.due_at is not None and s.due_at <= now]
            return sorted(waiting, key=lambda s: (s.due_at or 0.0, s.key))[:limit]

    def add_to_ledger(
        self,
        key: str,
        day: str,
        outcome: Outcome,
        deadline: Deadline,
        lifetime_usd: float | None = None,
    ) -> None:
        """See `StateStore`."""
        with self._exclusive():
            old = self._ledgers.get((key, day)) or Ledger(key=key, day=day, outcomes={})
            counts = {**old.outcomes, outcome.kind: old.outcomes.get(outcome.kind, 0) + 1}
            self._ledgers[key, day] = old.replace(
                outcomes=counts,
                spent_usd=old.spent_usd + (outcome.cost_usd or 0.0),
                unpriced=old.unpriced + (outcome.calls if outcome.cost_usd is None else 0),
                lifetime_usd=old.lifetime_usd if lifetime_usd is None else lifetime_usd,
            )

    def ledger(self, key: str, days: Iterable[str], deadline: Deadline) -> list[Ledger]:
        """See `StateStore`."""
        with self._exclusive():
            return [self._ledgers[key, day] for day in days if (key, day) in self._ledgers]

    def _spend(self, state: State, calls: int, cost_usd: float | None) -> State:
        return self._change(
            state,
            calls=state.calls + calls,
            unpriced=state.unpriced + (calls if cost_usd is None else 0),
            spent_usd=state.spent_usd + (cost_usd or 0.0),
        )


class FileState(MemoryState):
    """A `StateStore` in one JSON file; safe between the processes of one machine.

    Parameters
    ----------
    path
        Made when first written; its folder must exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = os.fspath(path)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        import fcntl

        with self._lock:
            try:
                lock = open(f"{self._path}.lock", "a")  # noqa: SIM115 - closed below
            except OSError as error:
                raise StateError(f"{self._path}: {error.strerror}") from error
            with lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self._load()
                yield
                self._save(before)

    def _load(self) -> str:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            data = b'{"states": [], "ledgers": []}'
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error
        try:
            text = data.decode("utf-8")
            document = json.loads(text)
            states = [State(**_tupled(state)) for state in document["states"]]
            ledgers = [Ledger(**ledger) for ledger in document["ledgers"]]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StateError(
                f"{self._path}: is not a state file; delete it to start anew"
            ) from error
        self._states = {state.key: state for state in states}
        self._ledgers = {(ledger.key, ledger.day): ledger for ledger in ledgers}
        return text

    def _save(self, before: str) -> None:
        document = {
            "states": [dict(vars(state)) for state in self._states.values()],
            "ledgers": [dict(vars(ledger)) for ledger in self._ledgers.values()],
        }
        text = json.dumps(document)
        if text == before:
            return
        unfinished = f"{self._path}.{os.getpid()}"
        try:
            with open(unfinished, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(unfinished, self._path)
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error


def _as_holder(state: State, result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "outcome_at": result.started,
        "reason": result.reason,
        "max_tokens": result.max_tokens,
        "message_id": result.message_id,
        "idle": state.idle if result.idle is None else result.idle,
        "write_ms": state.write_ms if result.write_ms is None else result.write_ms,
        "read_ms": state.read_ms if result.read_ms is None else result.read_ms,
        "failures": 0,
        "backoff_until": None,
        "lease_owner": "",
        "lease_until": None,
    }


def _tupled(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "functions": tuple(state.get("functions", ()))}
