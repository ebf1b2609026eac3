"""Tells the warm state about real traffic, at most once a minute for each prefix."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_SECONDS
from prefixwarm.prefix.compiled import state_key
from prefixwarm.state.model import OBSERVED, Drift, SessionStart
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.observe.observation import Observation
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.settings import Settings
    from prefixwarm.state.store import WarmStore
    from prefixwarm.state.warm_state import State


_SECONDS = 2.0
_EVERY = 60.0
_SESSION_SECONDS = 300.0


class StateReporter:
    """Raises the state's `warm_until` after a real request used the entry.

    Parameters
    ----------
    store : WarmStore
        The warm state.
    scope : str
        The cache scope that its keys name.
    environ : mapping of str to str
        Names the region.
    """

    def __init__(
        self, store: WarmStore, scope: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self._store = store
        self._scope = scope
        self._environ = os.environ if environ is None else environ
        self._reported: dict[tuple[str, bool], float] = {}

    def due(self, prefix: PrefixFile, seen: Observation) -> bool:
        """Whether the last such report about this prefix is old enough for another."""
        report_key = (prefix.name, seen.drift is not None)
        last = self._reported.get(report_key)
        if last is not None and monotonic() - last < _EVERY:
            return False
        self._reported[report_key] = monotonic()
        return True

    def read(self, prefix: PrefixFile, until: Deadline | None = None) -> State:
        """The prefix's state, within two seconds if no deadline is given; raises StateError."""
        return self._store.read(self.key(prefix), until or Deadline.after(_SECONDS))

    def report(self, prefix: PrefixFile, seen: Observation, place: str = "") -> State:
        """Record one observation: the entry lives on, or drift, or at least there was traffic.

        Returns
        -------
        State
            As it was before.

        Raises
        ------
        StateError
            When the state cannot be reached within two seconds.
        """
        key = self.key(prefix)
        until = Deadline.after(_SECONDS)
        state = self._store.read(key, until)
        if seen.started - (state.traffic.at or 0.0) > _SESSION_SECONDS:
            self._store.count_start(key, session_start(prefix, seen, state), until)
        if seen.drift is not None:
            drift = Drift(at=seen.started, tier=seen.drift, place=place)
            self._store.note_drift(key, drift, until)
        if seen.drift is None and (seen.usage.read or seen.usage.written):
            self._store.record_use(key, seen.started, _ttl(prefix, seen, state), until)
        else:
            self._store.saw_traffic(key, seen.started, OBSERVED, until)
        return state

    def key(self, prefix: PrefixFile) -> str:
        """The key of the prefix's state, where the agent calls from."""
        fingerprint = prefix.fingerprint["prefix"]
        return state_key(
            prefix.route, self._scope, self._environ, prefix.name, prefix.model, fingerprint
        )


def session_start(prefix: PrefixFile, seen: Observation, state: State) -> SessionStart:
    """What the first request after a silence is worth.

    It saved money only when it read an entry that a warm call kept alive: no traffic of any kind
    was seen for as long as the entry lives by itself. The saving is priced as the cheaper write,
    since the agent's own marker may ask for either TTL.
    """
    ttl = _ttl(prefix, seen, state)
    hit = seen.drift is None and seen.usage.read > 0
    saved = hit and state.money.calls > 0 and seen.started - (state.traffic.at or 0.0) > ttl
    return SessionStart(
        at=seen.started,
        quiet=float(ttl) if saved else _SESSION_SECONDS,
        hit=hit,
        init_read=hit and _sent_by_start(state),
        saved=saved,
        saved_usd=_saving(prefix, seen) if saved else None,
        asked_ttl=None if hit or not seen.usage.written else ttl,
        recheck=state.last_decision.due_at is not None,
    )


def _sent_by_start(state: State) -> bool:
    """Whether a start has sent the prefix since the last request."""
    taken = state.traffic.init_at
    if taken is None or taken <= (state.traffic.at or 0.0):
        return False
    return taken <= (state.life.last_touch or 0.0)


def _saving(prefix: PrefixFile, seen: Observation) -> float | None:
    prices = prefix.usd_per_mtok
    write, read = prices.get("write_5m"), prices.get("read")
    if write is None or read is None:
        return None
    return seen.usage.read * (write - read) / 1e6


def _ttl(prefix: PrefixFile, seen: Observation, state: State) -> int:
    """The entry's TTL in seconds: a read tells none, of two written the short one is safe."""
    if seen.usage.read or not seen.usage.written:
        return state.life.granted_ttl or TTL_SECONDS[prefix.ttl]
    return TTL_SECONDS["5m" if seen.usage.write_5m else "1h"]


def table_state(settings: Settings) -> WarmStore | None:
    """The table that the settings name, or None."""
    return connect(os.environ, settings, warms_only=True).warm_store
