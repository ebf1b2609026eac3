"""Observes what real requests do to the cache, and whether they are what is warmed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from prefixwarm.core.errors import PrefixwarmError
from prefixwarm.core.outcome import Usage
from prefixwarm.core.prefix_file import find, load
from prefixwarm.core.settings import Settings
from prefixwarm.observe.background import Background
from prefixwarm.observe.drift import drifted_at
from prefixwarm.observe.match import Matcher
from prefixwarm.observe.report import Observation, drift_line, line
from prefixwarm.observe.touch import Toucher, table_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from prefixwarm.core.prefix_file import PrefixFile
    from prefixwarm.core.seams import StateStore
    from prefixwarm.observe.match import Match

__all__ = ["Observer", "Sent"]

_FOLDERS = ("/opt/prefixwarm/prefixes", "/var/task/prefixes")


@dataclass(frozen=True)
class Sent:
    """One request on its way: what it matches, what it holds, and when it was sent."""

    match: Match
    body: Mapping[str, Any]
    started: float


class Observer:
    """Reports hits, misses and drift of real requests; never delays, changes or fails one.

    Parameters
    ----------
    prefixes : sequence of PrefixFile, optional
        What is warmed; by default the files of ``PREFIXWARM_PREFIXES``, of the layer or of the
        function's own folder ``prefixes``.
    state : StateStore, optional
        Where traffic is noted; by default the table ``PREFIXWARM_TABLE``, if any.
    emit : callable, optional
        Takes each log line; by default it goes to standard output.
    """

    def __init__(
        self,
        prefixes: Sequence[PrefixFile] | None = None,
        *,
        state: StateStore | None = None,
        emit: Callable[[str], None] | None = None,
    ) -> None:
        self._emit = emit or _print
        self._background = Background()
        self._explained: set[tuple[str, str]] = set()
        self._settings = _settings()
        self._matcher = Matcher(_installed(self._settings) if prefixes is None else prefixes)
        store = state or table_state(self._settings)
        self._toucher = Toucher(store, self._settings.cache_scope) if store else None

    def begin(
        self, body: Any, headers: Mapping[str, str], started: float | None = None
    ) -> Sent | None:
        """Look at a request before it is sent; None where there is nothing to compare it with."""
        try:
            match = self._matcher.match(body, headers)
        except Exception:  # noqa: BLE001 - observing must never fail a request
            return None
        return Sent(match, body, started or time()) if match else None

    def end(self, sent: Sent, usage: Mapping[str, Any]) -> None:
        """Report a request from its response's ``usage``."""
        prefix = sent.match.warmed.prefix
        seen = Observation(prefix.name, sent.match.drift, Usage.from_response(usage), sent.started)
        self._emit(line(seen, service=self._settings.deployment, now=time()))
        toucher = self._toucher if self._toucher and self._toucher.due(prefix, seen) else None
        new = bool(seen.drift) and (prefix.name, str(seen.drift)) not in self._explained
        if new:
            self._explained.add((prefix.name, str(seen.drift)))
        if new or toucher:
            compared = _compared(sent) if seen.drift else {}
            self._background.do(lambda: self._tell(prefix, seen, compared, new, toucher))

    def later(self, job: Callable[[], None]) -> None:
        """Do something in the background; what it raises is dropped."""
        self._background.do(job)

    def flush(self, seconds: float = 2.0) -> bool:
        """Wait for what is done in the background; whether it is done."""
        return self._background.flush(seconds)

    def _tell(
        self,
        prefix: PrefixFile,
        seen: Observation,
        compared: Mapping[str, Any],
        new: bool,
        toucher: Toucher | None,
    ) -> None:
        """Name the place of a drift in the log, once, and tell the state."""
        first = drifted_at(prefix, compared, str(seen.drift)) if seen.drift else None
        if first is not None and new:
            self._emit(drift_line(prefix.name, str(seen.drift), first.at, first.why))
        if toucher is not None:
            toucher.touch(prefix, seen, first.at if first else "")


def _compared(sent: Sent) -> dict[str, Any]:
    """What of a request the prefix stands for; the caller may go on with its own lists."""
    body = {name: value for name, value in sent.body.items() if name != "messages"}
    return {**body, "messages": list(sent.body["messages"])[: sent.match.warmed.messages]}


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except PrefixwarmError as error:
        _complain(error)
        return Settings(disabled=True)


def _installed(settings: Settings) -> list[PrefixFile]:
    if settings.disabled:
        return []
    folders = [settings.prefixes] if settings.prefixes else _FOLDERS
    folder = next((each for each in folders if os.path.isdir(each)), None)  # noqa: PTH112
    return list(_valid(find(folder))) if folder else []


def _valid(paths: Iterable[Path]) -> Iterator[PrefixFile]:
    for path in paths:
        try:
            yield load(path)
        except PrefixwarmError as error:  # noqa: PERF203 - one broken file, not all
            _complain(error)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(error: PrefixwarmError) -> None:
    sys.stderr.write(f"prefixwarm: {error}\n")
