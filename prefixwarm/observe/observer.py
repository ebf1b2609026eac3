"""Observes what real requests do to the cache, and whether they match the warmed prefix."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from prefixwarm.observe import installed
from prefixwarm.observe.background import Background
from prefixwarm.observe.diagnose import Diagnosis, drifted_tier, verdict
from prefixwarm.observe.ending import handle_sigterm, send_at_end
from prefixwarm.observe.gate import Gate
from prefixwarm.observe.harmless import without_fail
from prefixwarm.observe.line_output import emit_line
from prefixwarm.observe.matcher import Matcher
from prefixwarm.observe.observation import (
    Observation,
    diagnosis_line,
    drift_line,
    line,
    missed_usd,
    tokens_of,
    unknown_line,
)
from prefixwarm.observe.once import reported
from prefixwarm.observe.outbox import Outbox
from prefixwarm.observe.unrelated import UnrelatedTraffic
from prefixwarm.observe.waiting import wait_async
from prefixwarm.prefix.body import asked_ttl
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.state.outcome import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from prefixwarm.observe.matcher import Match, Warmed
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.traffic_store import TrafficStore


# How long the answer waits for the first report of a minute, which then continues in background.
_REPORT_SECONDS = 0.05


@dataclass(frozen=True)
class Sent:
    """One request in progress: its match, its content, and when it was sent.

    `named` is the warm call's message id that it sends for the provider's cache diagnostics.
    """

    match: Match
    body: Mapping[str, Any]
    started: float
    named: str = ""


class Observer:
    """Reports hits, misses and drift of real requests; never delays, changes or fails one.

    Two settings change that: ``PREFIXWARM_GATE_MS`` delays the first request, and
    ``PREFIXWARM_DIAGNOSE`` adds a field to one.

    Parameters
    ----------
    prefixes : sequence of PrefixFile, optional
        The warmed prefixes; by default the files of ``PREFIXWARM_PREFIXES``, or else of the layer
        and of the function's folder ``prefixes``.
    state : TrafficStore, optional
        The store for traffic reports; by default the table ``PREFIXWARM_TABLE``, if any.
    emit : callable, optional
        Receives each log line; by default lines go to standard output in a Lambda function, and to
        the logger ``prefixwarm`` elsewhere.
    environ : mapping of str to str, optional
        Defines the region of the requests.
    clock : callable
        Returns epoch seconds.
    """

    def __init__(
        self,
        prefixes: Sequence[PrefixFile] | None = None,
        *,
        state: TrafficStore | None = None,
        emit: Callable[[str], None] | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self.clock = clock
        self._emit = emit or emit_line
        self._background, self._announcing = Background(), Background()
        self._explained: set[tuple[str, str]] = set()
        self._unrelated = UnrelatedTraffic()
        self._settings = installed.settings()
        warmed = installed.prefix_files(self._settings) if prefixes is None else prefixes
        self._matcher = without_fail(lambda: Matcher(warmed)) or Matcher([])
        store = state or without_fail(lambda: installed.table_state(self._settings))
        scope = self._settings.cache_scope
        self._outbox = Outbox(store, scope, environ) if store else None
        self._gate = Gate(self._outbox.read, self._settings.gate_ms) if self._outbox else None
        sampling = self._settings.diagnose == "sample"
        self._diagnosis = Diagnosis() if self._outbox and sampling else None
        if self._outbox:
            send_at_end(self._outbox)
        self._announce()
        self._learn_ids()

    def begin(
        self, body: Any, headers: Mapping[str, str], started: float | None = None
    ) -> Sent | None:
        """Match a request before it is sent; None if there is nothing to compare it with."""
        try:
            match = self._matcher.match(body, headers)
        except Exception:  # noqa: BLE001 - observing must never fail a request
            return None
        return Sent(match, body, started or self.clock()) if match else None

    def wait(self, sent: Sent) -> None:
        """Wait for a warm call that is writing this request's prefix, if settings allow."""
        if self._gate is not None and sent.match.drift is None:
            self._gate.wait(sent.match.warmed.prefix)

    async def wait_async(self, sent: Sent) -> None:
        """Wait without blocking the event loop."""
        if self._gate is not None and sent.match.drift is None:
            await self._gate.wait_async(sent.match.warmed.prefix)

    def leaving(self, sent: Sent) -> Sent:
        """The request as sent now, with a message id if it is the one to request diagnostics.

        Only for requests to the Claude API itself.
        """
        named = ""
        self.prepare(sent)
        if self._diagnosis is not None and sent.match.alike:
            named = self._diagnosis.message_id(sent.match.warmed.prefix, sent.body)
        return replace(sent, named=named, started=self.clock())

    def is_due(self, sent: Sent) -> bool:
        """Whether this request's report is the first of a minute."""
        prefix, drifted = sent.match.warmed.prefix, sent.match.drift is not None
        return self._outbox is not None and self._outbox.due(prefix, drifted=drifted)

    def prepare(self, sent: Sent) -> None:
        """Connect to the state while the model call is in flight, if a report is due."""
        self.prepare_for(sent.match.warmed.prefix, drifted=sent.match.drift is not None)

    def prepare_for(self, prefix: PrefixFile, *, drifted: bool = False) -> None:
        """Like `prepare`, for an unseen request of this prefix."""
        if self._outbox is not None and self._outbox.due(prefix, drifted=drifted):
            self._background.do(partial(self._outbox.prepare, prefix))

    @property
    def prefixes(self) -> list[PrefixFile]:
        """The warmed prefixes."""
        return self._matcher.prefixes

    def without_diagnosis(self, sent: Sent) -> Sent:
        """The request without diagnostics, because the provider refused them; also stops asking."""
        if self._diagnosis is not None:
            self._diagnosis.stop()
        return replace(sent, named="", started=self.clock())

    def end(
        self,
        sent: Sent,
        usage: Mapping[str, Any] | Usage,
        diagnostics: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        response_id: str | None = None,
        source: str = "",
    ) -> Event | None:
        """Report a request from its response.

        Returns
        -------
        threading.Event or None
            Set when the state has the report; None if none is due, see `wait_until_reported`.

        Parameters
        ----------
        sent : Sent
            The request.
        usage : mapping or Usage
            The response's ``usage``, raw or parsed.
        diagnostics : mapping, optional
            The response's ``diagnostics``, if the request asked for them.
        headers : mapping of str to str, optional
            All headers that the request was sent with, names in lower case.
        response_id : str, optional
            The provider's id of the response; a response already reported by another source is
            skipped.
        source : str, optional
            The reporting source.
        """
        with suppress(Exception):
            if reported.is_first(response_id, source):
                return self._report(sent, usage, diagnostics, headers)
        return None

    def _report(
        self,
        sent: Sent,
        usage: Mapping[str, Any] | Usage,
        diagnostics: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Event | None:
        prefix = sent.match.warmed.prefix
        tokens = self._tokens(prefix, usage)
        if tokens is None:
            return None
        seen = self._observed(sent, tokens, diagnostics, headers)
        due = self._noted(prefix, seen)
        new = bool(seen.drift) and (prefix.name, str(seen.drift)) not in self._explained
        if new:
            self._explained.add((prefix.name, str(seen.drift)))
        if seen.result == "other" or not (new or due):
            return None
        place = _where(sent, str(seen.drift), headers) if seen.drift else None
        done = self._background.do(lambda: self._publish(prefix, seen, place, new, due))
        return done if due else None

    def end_unseen(
        self,
        prefix: PrefixFile,
        usage: object,
        started: float,
        *,
        response_id: str | None,
        source: str,
        sure: bool,
    ) -> Event | None:
        """Report a request of a prefix from its usage alone.

        Parameters
        ----------
        prefix : PrefixFile
            Its assumed prefix; `sure` means that the caller knows.
        usage : Usage or mapping
            Billed tokens, or anything else that `prefixwarm.usage.read_usage` accepts.
        started : float
            When it was sent, in epoch seconds.
        response_id, source, returns
            As in `end`.
        """
        if not reported.is_first(response_id, source):
            return None
        tokens = self._tokens(prefix, usage)
        if tokens is None:
            return None
        missed = missed_usd(prefix, tokens, None)
        seen = Observation(prefix.name, None, tokens, started, missed_usd=missed, guessed=not sure)
        if not self._noted(prefix, seen):
            return None
        return self._background.do(lambda: self._publish(prefix, seen, None, False, True))

    def _tokens(self, prefix: PrefixFile, usage: object) -> Usage | None:
        """Return the billed tokens; of impossible ones, write a line and count nothing."""
        tokens = tokens_of(usage)
        if tokens is None:
            self._emit(unknown_line(prefix.name, self._settings, now=self.clock()))
        return tokens

    def _noted(self, prefix: PrefixFile, seen: Observation) -> bool:
        """Write the line and store the report; return whether to send it now."""
        self._emit(line(seen, self._settings, now=self.clock()))
        if seen.result == "other" or self._outbox is None:
            return False
        handle_sigterm()
        return self._outbox.add(prefix, seen)

    def wait_until_reported(self, done: Event | None) -> None:
        """Wait for the report started by `end`, for at most 50 ms."""
        if done is not None:
            done.wait(_REPORT_SECONDS)

    async def wait_until_reported_async(self, done: Event | None) -> None:
        """Wait without blocking the event loop."""
        if done is not None:
            await wait_async(done, _REPORT_SECONDS)

    def later(self, job: Callable[[], None]) -> None:
        """Run a job in the background; its exceptions are dropped."""
        self._background.do(job)

    def flush(self, seconds: float = 2.0) -> bool:
        """Wait for background jobs; return whether they are done."""
        return self._announcing.flush(seconds) and self._background.flush(seconds)

    def _observed(
        self,
        sent: Sent,
        tokens: Usage,
        diagnostics: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Observation:
        """Classify a request: it has the prefix, drifted from it, or is unrelated."""
        warmed, drift = sent.match.warmed, sent.match.drift
        if self._unrelated.is_unrelated(sent.match):
            model = sent.body.get("model") or sent.body.get("modelId")
            return Observation("", None, Usage(), sent.started, other=str(model))
        if drift is None and headers is not None:
            # The headers that the client adds are known only now.
            request = warmed.sent(sent.body, headers, all_headers=True)
            added = warmed.prompt.missed_parameter(request)
            drift = added.tier if added else None
        if sent.named:
            drift = self._diagnosed(sent, drift, verdict(diagnostics))
        return Observation(
            warmed.prefix.name,
            drift,
            tokens,
            sent.started,
            missed_usd=missed_usd(warmed.prefix, tokens, drift),
            asked_ttl=asked_ttl(sent.body),
        )

    def _publish(
        self,
        prefix: PrefixFile,
        seen: Observation,
        place: Callable[[], Difference | None] | None,
        new: bool,
        due: bool,
    ) -> None:
        """Log the place of a drift once, and report to the state."""
        first = None
        with suppress(Exception):
            first = place() if place else None
        if first is not None and new:
            self._emit(drift_line(prefix.name, str(seen.drift), first.at, first.why))
        if self._outbox is None:
            return
        if first is not None:
            self._outbox.locate(prefix, str(seen.drift), first.at)
        if due:
            self._outbox.send()
            self._learn_id(prefix)

    def _diagnosed(self, sent: Sent, drift: str | None, reason: str) -> str | None:
        """Log the provider's verdict; return the tier that drifted by our or its comparison."""
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

    def _announce(self) -> None:
        """Report to the states, in the background, that this agent is observed."""
        if self._outbox is not None:
            # In a separate thread, so that no report waits for it.
            for prefix in self._matcher.prefixes:
                self._announcing.do(partial(self._outbox.announce, prefix))

    def _learn_ids(self) -> None:
        """Fetch the warm calls' message ids in the background, before the first request."""
        if self._diagnosis is not None and self._outbox is not None:
            for prefix in self._matcher.prefixes:
                self._background.do(partial(self._learn_id, prefix))

    def _learn_id(self, prefix: PrefixFile) -> None:
        if self._diagnosis is not None and self._outbox is not None:
            self._diagnosis.learn(prefix, self._outbox.read(prefix))


def _where(
    sent: Sent, tier: str, headers: Mapping[str, str] | None
) -> Callable[[], Difference | None]:
    """A function that finds the place of a drift later, on a copy of the request."""
    body = {**sent.body, "messages": list(sent.body["messages"])}
    return partial(_drifted_at, sent.match.warmed, body, tier, headers)


def _drifted_at(
    warmed: Warmed, body: Mapping[str, Any], tier: str, headers: Mapping[str, str] | None
) -> Difference | None:
    request = Prompt(body, headers, warmed.prefix.route)
    differences = warmed.prompt.differences(request, as_prefix=True)
    # The provider's verdict may name a later tier.
    return next(
        (difference for difference in differences if difference.tier == tier),
        differences[0] if differences else None,
    )
