"""Observes what real requests do to the cache, and whether they are what is warmed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from prefixwarm.errors import PrefixwarmError
from prefixwarm.observe.background import Background
from prefixwarm.observe.diagnose import Diagnosis, drifted_tier, verdict
from prefixwarm.observe.gate import Gate
from prefixwarm.observe.line_output import emit_line, warn
from prefixwarm.observe.matcher import Matcher
from prefixwarm.observe.observation import Observation, diagnosis_line, drift_line, line
from prefixwarm.observe.state_reporter import StateReporter, table_state
from prefixwarm.observe.unrelated import UnrelatedTraffic
from prefixwarm.prefix.prefix_file import find, load
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.safe_text import printable
from prefixwarm.settings import Settings
from prefixwarm.state.outcome import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from prefixwarm.observe.matcher import Match, Warmed
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.store import WarmStore


T = TypeVar("T")
_FOLDERS = ("/opt/prefixwarm/prefixes", "/var/task/prefixes")


@dataclass(frozen=True)
class Sent:
    """One request on its way: what it matches, what it holds, and when it was sent.

    `named` is the warm call's message id that it names for the provider's cache diagnostics.
    """

    match: Match
    body: Mapping[str, Any]
    started: float
    named: str = ""


class Observer:
    """Reports hits, misses and drift of real requests; never delays, changes or fails one.

    Unless it is told to: ``PREFIXWARM_GATE_MS`` lets the first one wait, and
    ``PREFIXWARM_DIAGNOSE`` adds a field to one.

    Parameters
    ----------
    prefixes : sequence of PrefixFile, optional
        What is warmed; by default the files of ``PREFIXWARM_PREFIXES``, of the layer or of the
        function's own folder ``prefixes``.
    state : WarmStore, optional
        Where traffic is noted; by default the table ``PREFIXWARM_TABLE``, if any.
    emit : callable, optional
        Takes each log line; by default it goes to standard output in a Lambda function, and to the
        logger ``prefixwarm`` elsewhere.
    environ : mapping of str to str, optional
        Names the region that the requests go to.
    clock : callable
        Gives the time in epoch seconds.
    """

    def __init__(
        self,
        prefixes: Sequence[PrefixFile] | None = None,
        *,
        state: WarmStore | None = None,
        emit: Callable[[str], None] | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self.clock = clock
        self._emit = emit or emit_line
        self._background = Background()
        self._explained: set[tuple[str, str]] = set()
        self._unrelated = UnrelatedTraffic()
        self._settings = _settings()
        warmed = _installed(self._settings) if prefixes is None else prefixes
        self._matcher = without_fail(lambda: Matcher(warmed)) or Matcher([])
        store = state or without_fail(lambda: table_state(self._settings))
        scope = self._settings.cache_scope
        self._reporter = StateReporter(store, scope, environ) if store else None
        self._gate = Gate(self._reporter.read, self._settings.gate_ms) if self._reporter else None
        sampling = self._settings.diagnose == "sample"
        self._diagnosis = Diagnosis() if self._reporter and sampling else None
        self._learn_ids()

    def begin(
        self, body: Any, headers: Mapping[str, str], started: float | None = None
    ) -> Sent | None:
        """Look at a request before it is sent; None where there is nothing to compare it with."""
        try:
            match = self._matcher.match(body, headers)
        except Exception:  # noqa: BLE001 - observing must never fail a request
            return None
        return Sent(match, body, started or self.clock()) if match else None

    def wait(self, sent: Sent) -> None:
        """Wait for a warm call that is writing this request's prefix, as far as settings allow."""
        if self._gate is not None and sent.match.drift is None:
            self._gate.wait(sent.match.warmed.prefix)

    async def wait_async(self, sent: Sent) -> None:
        """The same without blocking the event loop."""
        if self._gate is not None and sent.match.drift is None:
            await self._gate.wait_async(sent.match.warmed.prefix)

    def leaving(self, sent: Sent) -> Sent:
        """The request as it is sent now: with the message id to name, if it is the one that asks.

        Only for requests that go to the Claude API itself.
        """
        named = ""
        if self._diagnosis is not None and sent.match.alike:
            named = self._diagnosis.message_id(sent.match.warmed.prefix, sent.body)
        return replace(sent, named=named, started=self.clock())

    def without_diagnosis(self, sent: Sent) -> Sent:
        """The same request, naming nothing: the provider refused that, so no other one asks."""
        if self._diagnosis is not None:
            self._diagnosis.stop()
        return replace(sent, named="", started=self.clock())

    def end(
        self,
        sent: Sent,
        usage: Mapping[str, Any],
        diagnostics: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Report a request from its response.

        Parameters
        ----------
        sent : Sent
            The request.
        usage : mapping
            The response's ``usage``.
        diagnostics : mapping, optional
            The response's ``diagnostics``, if the request asked for them.
        headers : mapping of str to str, optional
            All headers that the request was sent with, names in lower case.
        """
        with suppress(Exception):
            self._report(sent, usage, diagnostics, headers)

    def _report(
        self,
        sent: Sent,
        usage: Mapping[str, Any],
        diagnostics: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> None:
        seen = self._observed(sent, usage, diagnostics, headers)
        self._emit(line(seen, self._settings, now=self.clock()))
        if seen.result == "other":
            return
        prefix = sent.match.warmed.prefix
        reporter = self._reporter if self._reporter and self._reporter.due(prefix, seen) else None
        new = bool(seen.drift) and (prefix.name, str(seen.drift)) not in self._explained
        if new:
            self._explained.add((prefix.name, str(seen.drift)))
        if new or reporter:
            place = _where(sent, str(seen.drift), headers) if seen.drift else None
            self._background.do(lambda: self._tell(prefix, seen, place, new, reporter))

    def later(self, job: Callable[[], None]) -> None:
        """Do something in the background; what it raises is dropped."""
        self._background.do(job)

    def flush(self, seconds: float = 2.0) -> bool:
        """Wait for what is done in the background; whether it is done."""
        return self._background.flush(seconds)

    def _observed(
        self,
        sent: Sent,
        usage: Mapping[str, Any],
        diagnostics: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Observation:
        """What a request was: one of the prefix, one that drifted from it, or something else."""
        warmed, drift = sent.match.warmed, sent.match.drift
        if self._unrelated.is_unrelated(sent.match):
            model = sent.body.get("model") or sent.body.get("modelId")
            return Observation("", None, Usage(), sent.started, other=str(model))
        if drift is None and headers is not None:
            # What the client adds to every request is known only now.
            request = warmed.sent(sent.body, headers, all_headers=True)
            added = warmed.prompt.missed_parameter(request)
            drift = added.tier if added else None
        if sent.named:
            drift = self._diagnosed(sent, drift, verdict(diagnostics))
        return Observation(warmed.prefix.name, drift, Usage.from_response(usage), sent.started)

    def _tell(
        self,
        prefix: PrefixFile,
        seen: Observation,
        place: Callable[[], Difference | None] | None,
        new: bool,
        reporter: StateReporter | None,
    ) -> None:
        """Name the place of a drift in the log, once, and tell the state."""
        first = place() if place else None
        if first is not None and new:
            self._emit(drift_line(prefix.name, str(seen.drift), first.at, first.why))
        if reporter is not None:
            state = reporter.report(prefix, seen, first.at if first else "")
            if self._diagnosis is not None:
                self._diagnosis.learn(prefix, state)

    def _diagnosed(self, sent: Sent, drift: str | None, reason: str) -> str | None:
        """Report the provider's verdict; the tier that drifted, as we or it found."""
        prefix = sent.match.warmed.prefix
        drift = drift or drifted_tier(reason, prefix, sent.body)
        line = diagnosis_line(
            prefix.name,
            reason,
            drift=drift is not None,
            message_id=sent.named,
            settings=self._settings,
            now=self.clock(),
        )
        self._emit(line)
        return drift

    def _learn_ids(self) -> None:
        """Fetch the warm calls' message ids before the first request, without holding it up."""
        for prefix in self._matcher.prefixes if self._diagnosis else ():
            self._background.do(partial(self._learn_id, prefix))

    def _learn_id(self, prefix: PrefixFile) -> None:
        if self._diagnosis is not None and self._reporter is not None:
            self._diagnosis.learn(prefix, self._reporter.read(prefix))


def _where(
    sent: Sent, tier: str, headers: Mapping[str, str] | None
) -> Callable[[], Difference | None]:
    """Finds the place of a drift later on; the caller may go on with its own lists."""
    body = {**sent.body, "messages": list(sent.body["messages"])}
    return partial(_drifted_at, sent.match.warmed, body, tier, headers)


def _drifted_at(
    warmed: Warmed, body: Mapping[str, Any], tier: str, headers: Mapping[str, str] | None
) -> Difference | None:
    request = Prompt(body, headers, warmed.prefix.route)
    differences = warmed.prompt.differences(request, as_prefix=True)
    # The provider's own verdict may name another tier than the first one.
    return next(
        (difference for difference in differences if difference.tier == tier),
        differences[0] if differences else None,
    )


def _settings() -> Settings:
    return without_fail(Settings.from_environment) or Settings(disabled=True)


def _installed(settings: Settings) -> list[PrefixFile]:
    if settings.disabled:
        return []
    folders = [settings.prefixes] if settings.prefixes else _FOLDERS
    paths = without_fail(lambda: _files(folders)) or []
    loaded = [without_fail(partial(load, path)) for path in paths]
    return [prefix for prefix in loaded if prefix is not None]


def _files(folders: Sequence[str]) -> list[Path]:
    folder = next((name for name in folders if os.path.isdir(name)), None)  # noqa: PTH112
    return find(folder) if folder else []


def without_fail(make: Callable[[], T]) -> T | None:
    """What `make` returns; None, and one line, where it fails: the agent comes first."""
    try:
        return make()
    except PrefixwarmError as error:
        warn(printable(str(error)))
    except Exception as error:  # noqa: BLE001 - observing must never fail the agent
        warn(f"not observed: {type(error).__name__}")
    return None
