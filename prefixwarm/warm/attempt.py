"""One granted warm call: send it and record it; see `prefixwarm.warm.acquire`."""

from __future__ import annotations

from prefixwarm.errors import LeaseLostError, ProviderError, UnusableUsageError
from prefixwarm.life import TTL_1H, TTL_5M, refresh_after
from prefixwarm.provider.client import Provider
from prefixwarm.state.model import Failure, Result
from prefixwarm.state.outcome import (
    FAILED,
    REFRESHED,
    SKIPPED,
    UNCACHED,
    Outcome,
    Usage,
    granted_ttl,
    kind_of,
    unusable_field,
)
from prefixwarm.warm.error_classification import DAY, HOUR, classify, describe
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.provider.client import CallSender, Reply
    from prefixwarm.state.model import Lease
    from prefixwarm.state.warm_state import State
    from prefixwarm.state.warm_store import WarmStore
    from prefixwarm.warm.error_classification import Classification
    from prefixwarm.warm.lease_time import LeaseExtension


RECORD_SECONDS = 3.0
_FIRST_BACKOFF = 30.0


class CallOptions(Record):
    """A caller's options for one warm call. Times are epoch seconds.

    Attributes
    ----------
    key, owner : str
        The warm state's key, and the lease's owner, which is unique to the call.
    needed_until : float
        Nothing is sent if the entry lives beyond this time.
    latest_start : float or None
        The call is dropped after this time, because a refresh would be a write.
    idle_refreshes : int or None
        Refreshes to add to the idle count; 0 ends the silence, None leaves it.
    ttl : int or None
        The TTL of a write in seconds; None for the one in the state.
    usual_ttl : int or None
        The TTL if the state has none; None for the prefix file's.
    usd_per_week : float or None
        For a start, which pays from the prefix's share for starts: the US dollars of a week without
        a grant. None for callers with another budget.
    objection : str
        Why the caller does not warm a cold entry; empty if it does.
    starting : bool
        Whether a function starts with the prefix for a waiting request.
    waited : bool
        Whether another caller's call was waited for, which then warmed the entry.
    by, deployment, function : str
        The caller (each has its own key and network), the deployment, and the function if any.
    """

    key: str
    owner: str
    needed_until: float
    latest_start: float | None = None
    idle_refreshes: int | None = None
    ttl: int | None = None
    usual_ttl: int | None = None
    usd_per_week: float | None = None
    objection: str = ""
    starting: bool = False
    waited: bool = False
    by: str = ""
    deployment: str = ""
    function: str = ""

    @property
    def caller(self) -> str:
        """The caller to whom failures belong."""
        return self.by or self.function

    def ttl_of(self, call: WarmCall, state: State, now: float) -> int:
        """The TTL of a write, in seconds."""
        wanted = self.ttl or state.last_decision.wanted_ttl or self.usual_ttl or call.ttl
        return state.ttl_to_ask(wanted, now)


class Attempt:
    """One warm call in progress, from `acquire` or `without_lease`.

    Attributes
    ----------
    state : State
        As last read.
    granted : bool
        Whether the call may be sent.
    in_flight : bool
        Whether another caller is making this call now; retrying shortly may help.
    outcome : Outcome
        The outcome so far: ``skipped`` with its reason until something was sent.
    classification : Classification or None
        The classification of a send error; None if there was none.
    """

    def __init__(
        self,
        call: WarmCall,
        options: CallOptions,
        state: State,
        store: WarmStore | None,
        deadline: Deadline,
        clock: Callable[[], float],
        *,
        lease: Lease | None = None,
        extension: LeaseExtension | None = None,
        refusal: str = "",
        in_flight: bool = False,
        allowance_usd: float | None = None,
    ) -> None:
        self.state = state
        self.in_flight = in_flight
        self.granted = not (refusal or in_flight)
        self.classification: Classification | None = None
        self._call = call
        self._options = options
        self._store = store
        self._deadline = deadline
        self._clock = clock
        self._lease = lease
        self._extension = extension
        self._allowance_usd = allowance_usd
        self._started = now = clock()
        self.outcome = Outcome(
            name=call.name,
            kind=SKIPPED,
            reason=_in_flight(state) if in_flight else refusal,
            started_at=now,
            warm_until=state.life.warm_until if state.warm_for(now) > 0 else None,
        )

    def give_up(self, reason: str) -> Outcome:
        """Release the lease without making the call, and set the reason.

        Raises
        ------
        StateError
            The release cannot be recorded; the lease then ends by itself.
        """
        if self._store is not None and self._lease is not None:
            until = Deadline.after(RECORD_SECONDS)
            self._store.give_back(self._lease, self._allowance_usd or 0.0, until)
        self.granted = False
        self.outcome = self.outcome.replace(reason=reason)
        return self.outcome

    def send(self, provider: CallSender) -> Outcome:
        """Send the granted call; never raises: any failure becomes the outcome."""
        try:
            ttl = self._options.ttl_of(self._call, self.state, self._clock())
            self.outcome = self._send_variants(self._call.with_ttl(ttl), provider)
        except LeaseLostError as error:
            self.outcome = self._failed(describe(error), classify(error)).replace(kind=SKIPPED)
        except Exception as error:  # noqa: BLE001 - any failure must be recorded
            self.classification = classify(error)
            self.outcome = self._failed(describe(error), self.classification)
        if self._lease is None:
            # Without a lease no back-off is recorded, so nothing holds the next call back.
            self.outcome = self.outcome.replace(backoff_seconds=0.0)
        return self.outcome

    def record(self) -> Outcome:
        """Record what was sent and release the lease; never raises.

        If recording fails, the outcome's reason says so.
        """
        until = Deadline.after(RECORD_SECONDS)
        try:
            if self._store is not None:
                self._record(self._store, until)
        except Exception as error:  # noqa: BLE001 - the call was made: its outcome stands
            reason = f"{self.outcome.reason} (not recorded: {describe(error)})".lstrip()
            self.outcome = self.outcome.replace(reason=reason)
        return self.outcome

    def _record(self, store: WarmStore, until: Deadline) -> None:
        made = self._result() if self.outcome.ok else self._failure()
        if self._lease is None:
            store.record_without_lease(self._options.key, made, until)
        elif isinstance(made, Result):
            store.record(self._lease, made, until)
        else:
            store.fail(self._lease, made, until)

    def _send_variants(self, call: WarmCall, provider: CallSender) -> Outcome:
        *variants, last = _variants(call, self.state)
        for variant, tokens in variants:
            try:
                return self._send_once(call, variant, tokens, provider)
            except ProviderError as error:  # noqa: PERF203 - rarely more than one
                if not classify(error).demanding:
                    raise
        return self._send_once(call, *last, provider)

    def _send_once(
        self, call: WarmCall, variant: WarmCall, tokens: int, provider: CallSender
    ) -> Outcome:
        self._started = self._clock()
        reply = self._reply(variant, tokens, provider)
        if field := unusable_field(reply.usage):
            raise UnusableUsageError(field)
        usage, seconds = Usage.from_response(reply.usage), self._clock() - self._started
        outcome = _outcome(variant, self.state, usage, self._started).replace(
            seconds=seconds, message_id=reply.message_id
        )
        if variant is not call:
            return _refused_hour(outcome, self.state)
        return outcome.replace(max_tokens=tokens)

    def _reply(self, variant: WarmCall, tokens: int, provider: CallSender) -> Reply:
        """Send and return the reply; extend the lease when the request is sent.

        If the sender, such as an SDK, does not report that, extend it before sending.
        """
        if self._extension is None:
            return provider.send(variant, tokens, self._deadline)
        if isinstance(provider, Provider):
            return provider.send(variant, tokens, self._deadline, self._extension.progress)
        self._extension.confirm()
        return provider.send(variant, tokens, self._deadline)

    def _failed(self, reason: str, classification: Classification) -> Outcome:
        growing = min(_FIRST_BACKOFF * 2 ** min(self.state.backoff.failures, 7), HOUR)
        return Outcome(
            name=self._call.name,
            kind=FAILED,
            reason=reason,
            started_at=self._started,
            seconds=self._clock() - self._started,
            calls=int(classification.sent),
            cost_usd=None if classification.billed else 0.0,
            retry_after=classification.pause,
            backoff_seconds=min(max(growing, classification.pause or 0.0), DAY),
            own_fault=classification.own,
        )

    def _result(self) -> Result:
        outcome = self.outcome
        ttl, milliseconds = outcome.granted_ttl or 0, outcome.seconds * 1000
        read_only = outcome.kind == REFRESHED
        return Result(
            outcome=outcome.kind,
            started=outcome.started_at,
            ttl=ttl,
            max_tokens=outcome.max_tokens,
            due_at=outcome.started_at + refresh_after(ttl),
            calls=outcome.calls,
            cost_usd=outcome.cost_usd,
            by=self._options.caller,
            idle_refreshes=self._options.idle_refreshes,
            longest_ttl=TTL_5M if outcome.downgraded else None,
            tokens=outcome.prefix_tokens or None,
            write_ms=None if read_only else milliseconds,
            read_ms=milliseconds if read_only else None,
            reason=outcome.reason,
            message_id=outcome.message_id,
            allowance_usd=self._allowance_usd,
        )

    def _failure(self) -> Failure:
        outcome, now = self.outcome, self._clock()
        return Failure(
            outcome=outcome.kind,
            reason=outcome.reason,
            at=now,
            backoff_until=now + outcome.backoff_seconds,
            calls=outcome.calls,
            cost_usd=outcome.cost_usd,
            by=self._options.caller,
            own_fault=outcome.own_fault and bool(self._options.caller),
            allowance_usd=self._allowance_usd,
        )


def _in_flight(state: State) -> str:
    failures = state.backoff.failures
    return f"in flight, after {failures} failed calls" if failures else "in flight"


def _variants(call: WarmCall, state: State) -> Iterator[tuple[WarmCall, int]]:
    """The variants to try in turn on HTTP 400, which rarely names its cause.

    The last variant may request one token more than needed, but it settles whether 5 minutes are
    accepted; the next call settles whether zero tokens are.
    """
    least = max(state.life.max_tokens, call.least_tokens)
    yield call, least
    if least == 0:
        yield call, 1
    if call.ttl > TTL_5M:
        yield call.with_ttl(TTL_5M), 1


def _outcome(call: WarmCall, state: State, usage: Usage, started: float) -> Outcome:
    kind = kind_of(usage)
    earlier = state.life.granted_ttl if kind == REFRESHED else None
    granted = earlier or granted_ttl(usage, call.ttl)
    downgraded = bool(usage.written) and granted < call.ttl
    reason = ""
    if kind == UNCACHED:
        reason = "nothing was cached: the prefix is under the model's minimum, or not cached here"
    elif downgraded:
        reason = f"downgraded: asked for a TTL of {call.ttl} s, granted {granted} s"
    return Outcome(
        name=call.name,
        kind=kind,
        reason=reason,
        usage=usage,
        granted_ttl=None if kind == UNCACHED else granted,
        downgraded=downgraded,
        cost_usd=usage.cost_usd(call.usd_per_mtok),
        started_at=started,
        calls=1,
        backoff_seconds=HOUR if kind == UNCACHED else 0.0,
        warm_until=None if kind == UNCACHED else started + granted,
    )


def _refused_hour(outcome: Outcome, state: State) -> Outcome:
    """The outcome of requesting 5 minutes after an hour was refused."""
    if outcome.kind == UNCACHED:
        return outcome
    # If an hour was granted before, one 400 proves nothing: it may have had any cause.
    settled = state.life.granted_ttl != TTL_1H
    reason = (
        f"{TTL_5M} s are asked for from now on" if settled else "though they were granted before"
    )
    return outcome.replace(
        downgraded=settled,
        reason=f"TTL refused: {TTL_1H} s were answered with HTTP 400, {reason}",
        max_tokens=state.life.max_tokens,
    )
