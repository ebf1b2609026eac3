"""Reports the host's own requests to the warm state, in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.library.after_fork import renew_after_fork
from prefixwarm.observe.background import Background
from prefixwarm.observe.observation import Observation
from prefixwarm.observe.observer import Observer
from prefixwarm.observe.outbox import Outbox
from prefixwarm.process_log import logger
from prefixwarm.usage.reading import read_usage
from prefixwarm.warm.error_classification import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.library.warm_calls import WarmCalls


# An entry's life counts from the start of its request; if not given, assume it was this long ago.
_ASSUMED_SECONDS = 10.0
# Each prefix is reported at most once in this many seconds, except requests that wrote it.
_EVERY_SECONDS = 60.0


class TrafficReports:
    """Reports real requests without delaying or failing them.

    Parameters
    ----------
    calls : WarmCalls
        The prefixes that are sent.
    reported : callable
        Receives a prefix's name when its state has changed.
    """

    def __init__(self, calls: WarmCalls, reported: Callable[[str], None]) -> None:
        self._calls = calls
        self._reported = reported
        self._last: dict[str, float] = {}
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start without a thread and without pending reports: the parent process sends those."""
        calls = self._calls
        self._outbox = Outbox(calls.store, calls.settings.cache_scope, calls.environ)
        self._background = Background()

    def observe(self, usage: Any, name: str | None, started: float | None) -> None:
        """Report one request from its usage; never raises."""
        try:
            self._observe(usage, name, started)
        except Exception as error:  # noqa: BLE001 - must not fail the host's request
            logger.warning("a request was not observed: %s", describe(error))

    def observer(self) -> Observer:
        """An observer that reports a client's requests."""
        files = [prepared.file for prepared in self._calls.prefixes.values()]
        return Observer(
            files,
            state=self._calls.store,
            emit=self._emitted,
            environ=self._calls.environ,
            clock=self._calls.clock,
        )

    def flush(self, seconds: float = 2.0) -> bool:
        """Wait for background reports; return whether all are done."""
        return self._background.flush(seconds)

    def _observe(self, usage: Any, name: str | None, started: float | None) -> None:
        prepared = self._calls.prefixes.get(name or next(iter(self._calls.prefixes), ""))
        if prepared is None or (name is None and len(self._calls.prefixes) > 1):
            names = ", ".join(self._calls.prefixes)
            logger.warning("a request was not observed: name its prefix, one of %s", names)
            return
        reading = read_usage(usage)
        if reading is None or reading.usage is None:
            logger.warning("a request of prefix %s was not observed: it has no usage", name)
            return
        now = self._calls.clock()
        at = now - _ASSUMED_SECONDS if started is None else started
        recent = now - self._last.get(prepared.name, 0.0) < _EVERY_SECONDS
        at_once = bool(reading.usage.written) or not recent
        seen = Observation(prepared.name, None, reading.usage, at)
        if not self._outbox.add(prepared.file, seen, at_once=at_once):
            return
        self._last[prepared.name] = now

        def report() -> None:
            self._outbox.send()
            self._reported(prepared.name)

        self._background.do(report)

    def _emitted(self, line: str) -> None:
        logger.debug("%s", line)
        for name in self._calls.prefixes:
            self._reported(name)
