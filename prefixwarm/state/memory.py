"""The warm state in memory, and in a file: what `DynamoState` does, without a table."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from threading import RLock

from prefixwarm.errors import StateError
from prefixwarm.state.model import KEEPWARM, OBSERVED, DueStates, Ledger, Settlement, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from prefixwarm.state.model import (
        Check,
        Drift,
        Failure,
        Lease,
        LeaseWish,
        Registration,
        Result,
        SessionStart,
    )
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.wire.deadline import Deadline


_CHECKED = ("idle", "learned", "wanted_ttl", "rewrites", "tripped_until")


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
            busy = state.leased(wish.now) or state.held_back(wish.now, wish.by)
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
            if self._gave_back(lease):
                return
            state = self._spend(self._at(lease.key), result)
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
            if self._gave_back(lease):
                return
            state = self._spend(self._at(lease.key), failure)
            if state.lease_token == lease.token and (state.lease_until or 0.0) >= failure.at:
                self._change(
                    state,
                    outcome=failure.outcome,
                    outcome_at=failure.at,
                    reason=failure.reason,
                    backoff_until=failure.backoff_until,
                    backoff_of=failure.by if failure.own_fault else "",
                    failures=state.failures + 1,
                    lease_owner="",
                    lease_until=None,
                )

    def _gave_back(self, lease: Lease) -> bool:
        state = self._at(lease.key)
        return state.lease_token == lease.token and not state.lease_owner

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
                    matched_at=started,
                    **_heard(started, OBSERVED),
                )
            elif (state.traffic_at or 0.0) <= started:
                self._change(state, matched_at=started, **_heard(started, OBSERVED))

    def count_start(self, key: str, start: SessionStart, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if state.traffic_at is not None and state.traffic_at >= start.at - start.quiet:
                return
            self._change(
                state,
                **_heard(start.at, OBSERVED),
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

    def saw_traffic(self, key: str, at: float, by: str, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            state = self._at(key)
            if (state.traffic_at or 0.0) < at:
                self._change(state, **_heard(at, by))

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

    def due(self, now: float, limit: int, deadline: Deadline) -> DueStates:
        """See `StateStore`."""
        with self._exclusive():
            waiting = [s for s in self._states.values() if s.due_at is not None and s.due_at <= now]
            waiting.sort(key=lambda s: (s.due_at or 0.0, s.key))
            return DueStates(states=waiting[:limit], unreadable=[])

    def add_to_ledger(self, key: str, day: str, outcome: Outcome, deadline: Deadline) -> None:
        """See `StateStore`."""
        with self._exclusive():
            old = self._day(key, day)
            counts = {**old.outcomes, outcome.kind: old.outcomes.get(outcome.kind, 0) + 1}
            self._ledgers[key, day] = old.replace(
                outcomes=counts,
                spent_usd=old.spent_usd + (outcome.cost_usd or 0.0),
                unpriced=old.unpriced + (outcome.calls if outcome.cost_usd is None else 0),
            )

    def settle(
        self, state: State, total: str, day: str, at: float, deadline: Deadline
    ) -> Settlement | None:
        """See `StateStore`."""
        with self._exclusive():
            known, found = self._states.get(state.key), Settlement.of(state)
            if found is None or known is None or known.settled != state.settled:
                return None
            self._change(
                known,
                settled=known.settled + 1,
                settled_saves=known.settled_saves + found.saves,
                settled_saved_usd=known.settled_saved_usd + found.saved_usd,
                settled_others_usd=known.settled_others_usd + found.others_usd,
            )
            for key in (state.key, total):
                old = self._day(key, day)
                self._ledgers[key, day] = old.replace(
                    others_usd=old.others_usd + found.others_usd,
                    saves=old.saves + found.saves,
                    saved_usd=old.saved_usd + found.saved_usd,
                )
            return found

    def ledger(self, key: str, days: Sequence[str], deadline: Deadline) -> list[Ledger]:
        """See `StateStore`."""
        with self._exclusive():
            return [self._ledgers[key, day] for day in days if (key, day) in self._ledgers]

    def _day(self, key: str, day: str) -> Ledger:
        return self._ledgers.get((key, day)) or Ledger(key=key, day=day, outcomes={})

    def _spend(self, state: State, made: Result | Failure) -> State:
        cost = made.cost_usd or 0.0
        return self._change(
            state,
            calls=state.calls + made.calls,
            unpriced=state.unpriced + (made.calls if made.cost_usd is None else 0),
            spent_usd=state.spent_usd + cost,
            kept_usd=state.kept_usd + (cost if made.by == KEEPWARM else 0.0),
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
        "longest_ttl": state.longest_ttl if result.longest_ttl is None else result.longest_ttl,
        "message_id": result.message_id,
        "idle": 0 if result.idle == 0 else state.idle + (result.idle or 0),
        "write_ms": state.write_ms if result.write_ms is None else result.write_ms,
        "read_ms": state.read_ms if result.read_ms is None else result.read_ms,
        "failures": 0,
        "backoff_until": None,
        "backoff_of": "",
        "lease_owner": "",
        "lease_until": None,
    }


def _heard(at: float, by: str) -> dict[str, Any]:
    return {"traffic_at": at, "traffic_by": by, "idle": 0}


def _tupled(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "functions": tuple(state.get("functions", ()))}
