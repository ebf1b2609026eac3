"""Warms requested prefixes with the steps of a tick, and returns their outcomes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixwarmError, StateError, StateItemError, UsageError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.asked_call import AskedCall
from prefixwarm.keepwarm.budget import RECORD_SECONDS
from prefixwarm.keepwarm.call_maker import CallMaker
from prefixwarm.keepwarm.calls import START_SECONDS
from prefixwarm.keepwarm.logs import logger
from prefixwarm.life import TTL_5M, refresh_after
from prefixwarm.policy import Decision
from prefixwarm.safe_text import quoted
from prefixwarm.state.model import KEEPWARM
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.acquire import backing_off, pause
from prefixwarm.warm.error_classification import describe
from prefixwarm.warm.lease_time import LeaseWatch
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from prefixwarm.keepwarm.ask_event import AskEvent
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.policy import Action
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.warm_state import State


# How long to wait for another caller's call; a write takes some seconds.
WAIT_SECONDS = 30.0

_WARM = {False: "warm", True: "warm: written by another environment"}
_NAMES_SHOWN = 20
# The most functions per prefix whose metrics a tick queries, so that asks cannot grow it forever.
_MOST_FUNCTIONS = 100


def warm_asked(
    asked: AskEvent,
    dependencies: Dependencies,
    catalog: PrefixCatalog,
    deadline: Deadline,
    report: TickReport,
    stopped: Callable[[], str],
) -> list[Outcome]:
    """Warm prefixes that are not warm for long enough; return one outcome per name, in order.

    Parameters
    ----------
    deadline
        When the last call must have ended.
    report
        Receives every outcome.
    stopped
        Returns why nothing may be sent, or "".

    Raises
    ------
    UsageError
        The deployment has no prefix of some name; nothing is sent for the others either.
    """
    with ThreadPoolExecutor(len(asked.names)) as pool:
        calls = CallMaker(dependencies, catalog, pool, deadline, report)
        seconds = min(WAIT_SECONDS, deadline.remaining() - START_SECONDS) if asked.wait else 0.0
        wait_ends = Deadline.after(seconds)
        work = _Asked(asked, dependencies, catalog, calls, deadline, report, stopped, wait_ends)
        chosen = _chosen(asked.names, catalog)
        try:
            return list(pool.map(lambda pair: work.outcome(*pair), chosen))
        finally:
            calls.close()


def _chosen(names: Sequence[str], catalog: PrefixCatalog) -> list[tuple[str | None, Entry]]:
    """The keys and entries of these names; no key if the prefix file cannot be used."""
    keys = {entry.name: key for key, entry in catalog.entries.items()}
    entries = {entry.name: entry for entry in catalog.manifest.entries}
    for name in names:
        if name not in entries:
            raise UsageError(
                f"warm: there is no prefix {quoted(name)} in this deployment; {_there_are(entries)}"
            )
    return [(keys.get(name), entries[name]) for name in names]


def _there_are(names: Collection[str]) -> str:
    shown = sorted(names)[:_NAMES_SHOWN]
    more = len(names) - len(shown)
    return f"there are {', '.join(shown)}" + (f" and {more} more" if more else "")


@dataclass
class _Asked:
    """The work of one ask; thread-safe."""

    asked: AskEvent
    dependencies: Dependencies
    catalog: PrefixCatalog
    calls: CallMaker
    deadline: Deadline
    report: TickReport
    stopped: Callable[[], str]
    wait_ends: Deadline
    _stop: str | None = None
    _lock: Lock = field(default_factory=Lock)

    def outcome(self, key: str | None, entry: Entry) -> Outcome:
        """Warm one prefix; failures become its outcome and do not affect the others."""
        try:
            return self._warmed(key, entry) if key else self._note(self._broken(entry))
        except StateError as error:
            if not isinstance(error, StateItemError):
                self.report.state_error = str(error)
            reason = f"nothing was sent: {error}"
        except PrefixwarmError as error:
            reason = f"nothing was sent: {error}"
        except Exception as error:  # noqa: BLE001 - one prefix must not affect the others
            reason = describe(error)
        return self._note(self._failed(entry, reason))

    def _warmed(self, key: str, entry: Entry) -> Outcome:
        waited, watch = False, LeaseWatch()
        while True:
            state = self.dependencies.store.read(key, self.deadline.earliest(RECORD_SECONDS))
            if not waited:
                self._add_function(state)
            now = self.dependencies.clock()
            if state.life.warm_until and state.life.warm_until > self._needed_until(state, now):
                return self._note(self._skipped(entry, state, _WARM[waited]))
            if not state.leased(now) or watch.silent(state):
                if reason := self._refusal(state):
                    return self._note(self._skipped(entry, state, reason))
                call = self.catalog.call(entry)
                if call is None:
                    return self._note(self._broken(entry))
                if reason := self.calls.pause(call.route) or self._out_of_time():
                    return self._note(self._skipped(entry, state, reason))
                planned = self._planned(state, entry, call, waited, watch)
                attempt = self.calls.sender.make(planned)
                # Too late to send: another caller has the lease.
                lost = attempt.granted and attempt.outcome.kind == SKIPPED
                if not (attempt.in_flight or lost):
                    return attempt.outcome
                state = attempt.state
            # One caller finds out that a provider hangs; the others continue at once.
            if state.backoff.failures or not pause(self.wait_ends):
                return self._note(self._skipped(entry, state, "in flight"))
            waited = True

    def _add_function(self, state: State) -> None:
        """Record the function that sends the prefix, as a start with Python does itself."""
        function = self.asked.function
        noted = state.deployment.functions
        if function and function not in noted and len(noted) < _MOST_FUNCTIONS:
            ends = self.deadline.earliest(RECORD_SECONDS)
            self.dependencies.store.add_function(state.key, function, ends)

    def _needed_until(self, state: State, now: float) -> float:
        """Until when the entry must live: as requested, limited by its TTL.

        No entry always lives for its whole TTL from now, so an entry that is not due for a refresh
        is good enough.
        """
        most = refresh_after(state.life.granted_ttl or TTL_5M)
        return now + min(self.asked.needed_for_seconds, most)

    def _refusal(self, state: State) -> str:
        now = self.dependencies.clock()
        if state.held_back(now, KEEPWARM):
            return backing_off(state)
        if reason := rewrite_breaker.refusal(state, now):
            return reason
        with self._lock:
            if self._stop is None:
                self._stop = self.stopped()
                self.report.stopped = self._stop
        return self._stop

    def _out_of_time(self) -> str:
        return "" if self.deadline.remaining() > START_SECONDS else "no time is left"

    def _planned(
        self, state: State, entry: Entry, call: WarmCall, waited: bool, watch: LeaseWatch
    ) -> AskedCall:
        """Plan the call, with five minutes unless the hour is known to pay."""
        now, most = self.dependencies.clock(), self.dependencies.settings.init_usd_per_week
        usd_per_week = self.asked.usd_per_week
        ttl = state.ttl_to_ask(state.last_decision.wanted_ttl or TTL_5M, now)
        action: Action = "refresh" if state.warm_for(now) else "write"
        return AskedCall(
            self.calls.selector.built(state, entry, call),
            Decision(action, None, ttl, "asked for"),
            needed_until=self._needed_until(state, now),
            usd_per_week=most if usd_per_week is None else min(most, usd_per_week),
            waited=waited,
            fresh=True,
            watch=watch,
        )

    def _note(self, outcome: Outcome) -> Outcome:
        """Report a call that was not sent; log it unless nothing was due."""
        self.report.outcomes.append(outcome)
        if outcome.reason not in _WARM.values():
            log = logger.error if outcome.kind == FAILED else logger.info
            log("asked for", prefix=outcome.name, result=outcome.reason)
        return outcome

    def _skipped(self, entry: Entry, state: State, reason: str) -> Outcome:
        now = self.dependencies.clock()
        return Outcome(
            name=entry.name,
            kind=SKIPPED,
            reason=reason,
            started_at=now,
            warm_until=state.life.warm_until if state.warm_for(now) else None,
        )

    def _failed(self, entry: Entry, reason: str) -> Outcome:
        return Outcome(
            name=entry.name, kind=FAILED, reason=reason, started_at=self.dependencies.clock()
        )

    def _broken(self, entry: Entry) -> Outcome:
        return self._failed(
            entry, f"its prefix file cannot be used: {self.catalog.broken[entry.name]}"
        )
