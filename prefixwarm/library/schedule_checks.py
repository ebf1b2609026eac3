"""One check of a prefix by a schedule: decides by policy, makes the call and records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.candidate import Candidate, fraction
from prefixwarm.keepwarm.handover import with_account
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.library.warm_calls import BY
from prefixwarm.prefix.manifest import Entry
from prefixwarm.settings import DISABLED
from prefixwarm.state.outcome import SKIPPED
from prefixwarm.warm.error_classification import describe
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record

if TYPE_CHECKING:
    from prefixwarm.library.prepared_prefix import PreparedPrefix
    from prefixwarm.library.warm_calls import WarmCalls
    from prefixwarm.policy import Policy
    from prefixwarm.provider.client import CallSender
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State


STATE_SECONDS = 5.0
# When to check again after another caller's call, or an unreachable state.
_SOON = 5.0
_LATER = 60.0


class Checked(Record):
    """The result of one check. Times are epoch seconds.

    Attributes
    ----------
    next_check : float or None
        When to check again; None for never.
    warm_until : float or None
        When the entry expires.
    reason : str
        The reason for the decision.
    outcome : Outcome or None
        The warm call's outcome; None if none was sent.
    trouble : bool
        Whether the check failed.
    """

    next_check: float | None
    warm_until: float | None
    reason: str
    outcome: Outcome | None = None
    trouble: bool = False


class ScheduleChecks:
    """Checks a warmer's prefixes; thread-safe."""

    def __init__(self, calls: WarmCalls, policy: Policy) -> None:
        self._calls = calls
        self._policy = policy

    def check(self, prepared: PreparedPrefix, sender: CallSender) -> Checked:
        """Decide about a prefix and act; never raises."""
        try:
            return self._check(prepared, sender)
        except StateError as error:
            return self._later(f"the state cannot be used: {error}")
        except Exception as error:  # noqa: BLE001 - the host program must go on
            return self._later(describe(error))

    def _check(self, prepared: PreparedPrefix, sender: CallSender) -> Checked:
        now, store = self._calls.clock(), self._calls.store
        until = Deadline.after(STATE_SECONDS)
        state = store.read(prepared.key, until)
        if self._calls.settings.disabled:
            return Checked(
                next_check=None,
                warm_until=state.life.warm_until,
                reason=f"{DISABLED} is set: nothing is sent",
            )
        if held := rewrite_breaker.held(state, now, BY):
            return _waiting(state, *held)
        if pause := self._calls.routes.pause(prepared.call.route):
            reason = f"route {prepared.call.route} paused: {pause.reason}"
            return _waiting(state, pause.until + fraction(prepared.name), reason)
        if state.leased(now):
            return _waiting(state, now + _SOON, "another caller is warming it now")
        candidate = self._candidate(prepared, state, now, until)
        if candidate.shared is None:
            return _waiting(state, now + _SOON, "another process has just taken over the account")
        planned = PlannedCall(candidate, candidate.decision(now))
        if planned.decision.sends:
            return self._sent(prepared, planned, sender)
        return self._noted(planned, now, until)

    def _candidate(
        self, prepared: PreparedPrefix, state: State, now: float, until: Deadline
    ) -> Candidate:
        candidate = Candidate(
            state=state,
            entry=Entry.of(prepared.file, ""),
            call=prepared.call,
            policy=self._policy,
            latency_value=0.0,
            prefixes=len(self._calls.prefixes),
        )
        return with_account(candidate, self._calls.store, now, until).with_observed(now)

    def _noted(self, planned: PlannedCall, now: float, until: Deadline) -> Checked:
        """Record a decision to send nothing."""
        candidate, decision, store = planned.candidate, planned.decision, self._calls.store
        if account := candidate.account(now):
            store.note_account(candidate.state.key, account, until)
        if decision.next_check is not None:
            store.record_check(candidate.state.key, planned.check(now), until)
        return Checked(
            next_check=decision.next_check,
            warm_until=candidate.state.life.warm_until,
            reason=decision.reason,
        )

    def _sent(self, prepared: PreparedPrefix, planned: PlannedCall, sender: CallSender) -> Checked:
        attempt = self._calls.make(prepared, planned.options(BY), sender, in_turn=False)
        outcome, store, now = attempt.outcome, self._calls.store, self._calls.clock()
        until = Deadline.after(STATE_SECONDS)
        if not outcome.ok or outcome.kind == SKIPPED:
            return self._unsent(prepared, outcome, until)
        called = planned.after(outcome)
        check = planned.check_after(outcome, called, now)
        if account := planned.account_after(called, now):
            store.note_account(prepared.key, account, until)
        store.record_check(prepared.key, check, until)
        return Checked(
            next_check=check.due_at,
            warm_until=outcome.warm_until,
            reason="; ".join(text for text in (check.reason, outcome.reason) if text),
            outcome=outcome,
        )

    def _unsent(self, prepared: PreparedPrefix, outcome: Outcome, until: Deadline) -> Checked:
        """When the state allows the next call, after one that failed or was not granted."""
        now, state = self._calls.clock(), self._calls.store.read(prepared.key, until)
        pause = state.backoff.until if outcome.calls or outcome.kind != SKIPPED else None
        return Checked(
            next_check=max(now + _SOON, pause or 0.0),
            warm_until=state.life.warm_until,
            reason=outcome.reason,
            outcome=None if outcome.kind == SKIPPED else outcome,
        )

    def _later(self, reason: str) -> Checked:
        later = self._calls.clock() + _LATER
        return Checked(next_check=later, warm_until=None, reason=reason, trouble=True)


def _waiting(state: State, until: float, reason: str) -> Checked:
    return Checked(next_check=until, warm_until=state.life.warm_until, reason=reason)
