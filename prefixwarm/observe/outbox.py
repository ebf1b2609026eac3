"""Reports observations to the warm state, at most once a minute per prefix.

Pending reports are also stored in a file, so that the layer can send them at the environment's
shutdown if this process has been killed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from threading import RLock
from time import monotonic, time
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_5M, TTL_SECONDS
from prefixwarm.observe.observation import length_of
from prefixwarm.prefix.compiled import state_key
from prefixwarm.state.model import OBSERVED, shared_key
from prefixwarm.state.traffic_report import FOLDER, TrafficReport
from prefixwarm.usage.miss_price import miss_usd
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.observe.observation import Observation
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.traffic_store import TrafficStore
    from prefixwarm.state.warm_state import State


_SECONDS = 2.0
_EVERY = 60.0
# A state read before a call is recent enough after it, because writes have conditions.
_FRESH_SECONDS = 600.0
_MOST_WAITING = 50
_LAYER = "/opt/prefixwarm"
# The tolerated share of a prefix's tokens, which may be estimated.
_MOST_OF_IT = 0.8


class Outbox:
    """Keeps reports until the state has them.

    Parameters
    ----------
    store : TrafficStore
        The warm state.
    scope : str
        The cache scope in its keys.
    environ : mapping of str to str
        Defines the region.
    folder : str, optional
        The folder for unsent reports; by default none, except in a function with the layer.
    """

    def __init__(
        self,
        store: TrafficStore,
        scope: str,
        environ: Mapping[str, str] | None = None,
        folder: str | None = None,
    ) -> None:
        self._store = store
        self._scope = scope
        self._environ = os.environ if environ is None else environ
        self._folder = folder or _shared_folder(self._environ)
        # Reentrant: a signal may arrive while this thread holds it.
        self._lock = RLock()
        self._process = os.getpid()
        self._reported: dict[tuple[str, bool], float] = {}
        self._open: dict[str, TrafficReport] = {}
        self._closed: list[TrafficReport] = []
        self._states: dict[str, tuple[float, State]] = {}

    def announce(self, prefix: PrefixFile) -> None:
        """Report that this agent is observed, unless reported already; raises StateError.

        Starts are then paid for by observed requests, even before the first one.
        """
        key, until = self.key(prefix), Deadline.after(_SECONDS)
        if self._store.read(shared_key(key), until).traffic.by != OBSERVED:
            self._store.note_observer(key, time(), until)

    def due(self, prefix: PrefixFile, *, drifted: bool = False) -> bool:
        """Whether another report about this prefix is due."""
        last = self._reported.get((self.key(prefix), drifted))
        return last is None or monotonic() - last >= _EVERY

    def add(self, prefix: PrefixFile, seen: Observation, *, at_once: bool | None = None) -> bool:
        """Add an observation; return whether to send it now (`at_once`, or if due)."""
        function = self._environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        report = report_of(self.key(prefix), prefix, seen).replace(function=function)
        drifted = seen.drift is not None
        due = self.due(prefix, drifted=drifted) if at_once is None else at_once
        with self._lock:
            self._forget_the_parents()
            if due:
                self._reported[report.key, drifted] = monotonic()
            before = self._open.pop(report.key, None)
            report = before.then(report) if before else report
            if due:
                self._closed = [*self._closed, report][-_MOST_WAITING:]
            else:
                self._open[report.key] = report
            self._keep()
        return due

    def locate(self, prefix: PrefixFile, tier: str, place: str) -> None:
        """Add the place in a tier where requests drifted."""
        key = self.key(prefix)

        def located(report: TrafficReport) -> TrafficReport:
            fits = report.key == key and report.drift_tier == tier and not report.drift_place
            return report.replace(drift_place=place) if fits else report

        with self._lock:
            self._closed = [located(report) for report in self._closed]
            self._open = {name: located(report) for name, report in self._open.items()}
            self._keep()

    def prepare(self, prefix: PrefixFile) -> None:
        """Read the state, which also opens the connection; raises StateError."""
        key = self.key(prefix)
        self._states[key] = monotonic(), self._store.read(key, Deadline.after(_SECONDS))

    def read(self, prefix: PrefixFile, until: Deadline | None = None) -> State:
        """Read the prefix's state, by default within two seconds; raises StateError."""
        return self._store.read(self.key(prefix), until or Deadline.after(_SECONDS))

    def send(self, seconds: float = _SECONDS) -> None:
        """Send due reports within these seconds; raises StateError and keeps the rest."""
        until = Deadline.after(seconds)
        for report in list(self._closed):
            self._store.report(report, self._read_before(report.key, until), until)
            with self._lock:
                self._closed = [kept for kept in self._closed if kept.id != report.id]
                self._keep()

    def send_all(self, seconds: float) -> None:
        """Send all reports, due or not; raises StateError and keeps the rest."""
        with self._lock:
            self._closed = [*self._closed, *self._open.values()]
            self._open = {}
        self.send(seconds)

    @property
    def waiting(self) -> bool:
        """Whether any report is unsent."""
        return bool(self._open or self._closed)

    def key(self, prefix: PrefixFile) -> str:
        """The key of the prefix's state for this environment."""
        fingerprint = prefix.fingerprint["prefix"]
        return state_key(
            prefix.route, self._scope, self._environ, prefix.name, prefix.model, fingerprint
        )

    def _read_before(self, key: str, until: Deadline) -> State:
        """The state before the report, read while the model call was in flight."""
        at, state = self._states.pop(key, (0.0, None))
        if state is not None and monotonic() - at < _FRESH_SECONDS:
            return state
        return self._store.read(key, until)

    def _forget_the_parents(self) -> None:
        """Drop inherited reports in a forked process; the parent sends them."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._open, self._closed = {}, []

    def _keep(self) -> None:
        """Write unsent reports to this process's file, or remove the file."""
        if self._folder is None:
            return
        path = f"{self._folder}/{self._process}.json"
        reports = [*self._closed, *self._open.values()]
        with suppress(OSError):
            if not reports:
                os.unlink(path)  # noqa: PTH108 - pathlib costs more than the call
                return
            os.makedirs(self._folder, mode=0o700, exist_ok=True)  # noqa: PTH103
            text = json.dumps([vars(report) for report in reports]).encode()
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            descriptor = os.open(path, flags, 0o600)
            try:
                os.write(descriptor, text)
            finally:
                os.close(descriptor)


def report_of(key: str, prefix: PrefixFile, seen: Observation) -> TrafficReport:
    """The report of one observation."""
    usage, matched = seen.usage, seen.drift is None
    used = matched and bool(usage.read or usage.written)
    if seen.guessed:
        # A different prompt of the same model would not read as much.
        used = usage.read >= _MOST_OF_IT * length_of(prefix)
    hit = used and usage.read > 0
    # A read does not reveal the TTL; of two written TTLs the shorter is safe.
    wrote = usage.written and not usage.read
    ttl = TTL_SECONDS["5m" if usage.write_5m else "1h"] if wrote else None
    return TrafficReport(
        id=os.urandom(8).hex(),
        key=key,
        file_ttl=TTL_SECONDS[prefix.ttl],
        first_at=seen.started,
        last_at=seen.started,
        first_hit=hit,
        first_wrote=usage.written > 0,
        first_ttl=ttl,
        first_saving_usd=miss_usd(usage.read, prefix.usd_per_mtok, TTL_5M),
        matched_at=seen.started if used else None,
        matched_ttl=ttl if used else None,
        drift_at=None if matched else seen.started,
        drift_tier=seen.drift or "",
        hits=int(hit),
        read=usage.read,
        written=usage.written,
        uncached=usage.input,
        missed_usd=seen.missed_usd or 0.0,
        asked_ttl=seen.asked_ttl if matched else None,
        missed_unpriced=int(seen.missed_usd is None),
    )


def _shared_folder(environ: Mapping[str, str]) -> str | None:
    """The folder from which the layer sends leftovers; None without the layer."""
    in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in environ and os.path.isdir(_LAYER)  # noqa: PTH112
    return FOLDER if in_lambda else None
