"""One warm call, from asking the state to recording what it did.

Whoever warms (the init phase, the keep-warm function, the command line) goes through here, so
that all respect the same lease, the same back-off and the same honesty about the outcome.
"""

from __future__ import annotations

import os
from time import sleep, time

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    PrefixwarmError,
    ProviderError,
    StateError,
    UsageError,
)
from prefixwarm.state.model import Failure, Lease, LeaseWish, Result, State
from prefixwarm.state.outcome import (
    FAILED,
    REFRESHED,
    SKIPPED,
    UNCACHED,
    Outcome,
    Usage,
    granted_ttl,
    kind_of,
)
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.provider.client import Provider, Reply
    from prefixwarm.state.store import StateStore


LEASE_MARGIN_SECONDS = 10.0
STATE_SECONDS = 1.0
RECORD_SECONDS = 3.0
_REFRESH_MARGIN = {3600: 300, 300: 60}
_NEVER_BY_RETRY = (400, 401, 402, 403, 404, 413)
# About the caller's key; 402 is about the organization's account, which all callers share.
_OWN_FAULTS = (401, 403)
_SHORT_TTL = 300
# Bedrock answers it with 400.
_QUOTA = "ServiceQuotaExceededException"
_SPEND_LIMITS = ("enforced_spend_limit_reached", "contract_spend_limit_reached")


class Ask(Record):
    """What a caller wants of one warm call. Times are epoch seconds.

    `needed_until`: nothing is sent when the entry lives beyond this. `latest_start`: after this
    moment a refresh would be a write, and is dropped. `wait`: until when to wait for somebody
    else's call. `idle`: refreshes to add to the idle count, 0 to end the silence, None to leave
    it. `ttl`: what a write shall ask for, None for what the state says or else the prefix file.
    `by`: who calls, with a key and a network of its own; the function where there is one. `veto`:
    looks at a cold state, and says why a call would not pay, or nothing. `seen`: is shown every
    state that was read.
    """

    key: str
    owner: str
    needed_until: float
    latest_start: float | None = None
    wait: Deadline | None = None
    idle: int | None = None
    ttl: int | None = None
    by: str = ""
    deployment: str = ""
    function: str = ""
    veto: Callable[[State], str] | None = None
    seen: Callable[[State], None] | None = None

    @property
    def caller(self) -> str:
        """Whose failures these would be."""
        return self.by or self.function


def warm(
    call: WarmCall,
    ask: Ask,
    store: StateStore,
    provider: Provider,
    deadline: Deadline,
    clock: Callable[[], float] = time,
) -> Outcome:
    """Ask the state; when a call is due, take the lease, send, and record what it did.

    Raises
    ------
    StateError
        When the state cannot be reached before anything was sent: the caller decides whether
        that means to let its function start (init phase) or to stop spending (keep-warm).
    """
    state, lease, refusal = _acquire(call, ask, store, deadline, clock)
    if lease is None:
        return Outcome(
            name=call.name,
            kind=SKIPPED,
            reason=refusal,
            started_at=clock(),
            warm_until=state.warm_until if state.warm_for(clock()) > 0 else None,
        )
    return send_and_record(call, ask, state, lease, store, provider, deadline, clock)


def send_unasked(
    call: WarmCall, provider: Provider, deadline: Deadline, clock: Callable[[], float] = time
) -> Outcome:
    """Send without asking or telling any state; never raises."""
    return _sent(call, State(key=""), provider, deadline, clock)


def refresh_after(ttl: int) -> int:
    """Seconds after a touch at which an entry of this TTL is due for its refresh."""
    return ttl - _REFRESH_MARGIN.get(ttl, ttl // 5)


def _acquire(
    call: WarmCall, ask: Ask, store: StateStore, deadline: Deadline, clock: Callable[[], float]
) -> tuple[State, Lease | None, str]:
    waited = False
    while True:
        state = store.read(ask.key, deadline.earliest(STATE_SECONDS))
        if ask.seen:
            ask.seen(state)
        refusal = _refusal(state, ask, clock(), waited)
        if not refusal and not state.leased(clock()):
            wish = _wish(call, ask, deadline, clock())
            state, taken = store.take_lease(ask.key, wish, deadline.earliest(STATE_SECONDS))
            if taken:
                return state, Lease(key=ask.key, owner=ask.owner, token=state.lease_token), ""
            refusal = _refusal(state, ask, clock(), waited)
        if refusal:
            return state, None, refusal
        if ask.wait is None or ask.wait.expired or deadline.expired:
            return state, None, "in flight"
        waited = True
        sleep(min(_jitter(), ask.wait.remaining()))


def _refusal(state: State, ask: Ask, now: float, waited: bool) -> str:
    if (state.warm_until or 0.0) > ask.needed_until:
        return "warm: written by another environment" if waited else "warm"
    if state.held_back(now, ask.caller):
        return f"backing off after {state.failures} failed calls: {state.reason}"
    if ask.latest_start is not None and now > ask.latest_start:
        return "too late: the entry has lapsed, and a refresh would be a write"
    return ask.veto(state) if ask.veto else ""


def _wish(call: WarmCall, ask: Ask, deadline: Deadline, now: float) -> LeaseWish:
    return LeaseWish(
        name=call.name,
        owner=ask.owner,
        now=now,
        seconds=deadline.remaining() + LEASE_MARGIN_SECONDS,
        needed_until=ask.needed_until,
        by=ask.caller,
        deployment=ask.deployment,
        function=ask.function,
    )


def _jitter() -> float:
    """Seconds between two looks at another caller's lease: 0.1 to 0.3."""
    return 0.1 + os.urandom(1)[0] / 1275


def send_and_record(
    call: WarmCall,
    ask: Ask,
    state: State,
    lease: Lease,
    store: StateStore,
    provider: Provider,
    deadline: Deadline,
    clock: Callable[[], float] = time,
) -> Outcome:
    """Send the call that the lease allows, and record what it did; never raises."""
    ttl = state.ttl_to_ask(ask.ttl or state.wanted_ttl or call.ttl, clock())
    outcome = _sent(call.with_ttl(ttl), state, provider, deadline, clock)
    try:
        until = Deadline.after(RECORD_SECONDS)
        if outcome.ok:
            store.record(lease, _result(outcome, ask), until)
        else:
            store.fail(lease, _failure(outcome, ask, state, clock()), until)
    except StateError as error:
        return outcome.replace(reason=f"{outcome.reason} (not recorded: {error})".lstrip())
    return outcome


def _sent(
    call: WarmCall,
    state: State,
    provider: Provider,
    deadline: Deadline,
    clock: Callable[[], float],
) -> Outcome:
    refused: ProviderError | None = None
    started = clock()
    for attempt, tokens in _attempts(call, state):
        started = clock()
        try:
            reply = provider.send(attempt, tokens, deadline)
        except ProviderError as error:
            if error.status != 400 or _about_an_account(error):
                return _failed(call, error, started, clock() - started)
            refused = error
        except PrefixwarmError as error:
            return _failed(call, error, started, clock() - started)
        else:
            found = _outcome(attempt, state, reply, started, clock() - started)
            return found.replace(max_tokens=tokens) if attempt is call else _refused(found, state)
    assert refused is not None
    return _failed(call, refused, started, clock() - started)


def _attempts(call: WarmCall, state: State) -> Iterator[tuple[WarmCall, int]]:
    """What to try in turn while the provider answers 400, which seldom says what it is about.

    The last one may ask for a token more than it had to, but settles whether 5 minutes are taken;
    whether zero is, the next call settles.
    """
    least = max(state.max_tokens, call.least_tokens)
    yield call, least
    if least == 0:
        yield call, 1
    if call.ttl > _SHORT_TTL:
        yield call.with_ttl(_SHORT_TTL), 1


def _outcome(call: WarmCall, state: State, reply: Reply, started: float, seconds: float) -> Outcome:
    usage = Usage.from_response(reply.usage)
    kind = kind_of(usage)
    known = state.granted_ttl if kind == REFRESHED else None
    granted = known or granted_ttl(usage, call.ttl)
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
        seconds=seconds,
        calls=1,
        message_id=reply.message_id,
        warm_until=None if kind == UNCACHED else started + granted,
    )


def _refused(found: Outcome, state: State) -> Outcome:
    """The outcome of asking for 5 minutes after an hour was refused."""
    if found.kind == UNCACHED:
        return found
    # Where an hour was granted before, the 400 may have been about anything: once proves nothing.
    known = state.granted_ttl != 3600
    reason = "300 s are asked for from now on" if known else "though they were granted before"
    return found.replace(
        downgraded=known,
        reason=f"TTL refused: 3600 s were answered with HTTP 400, {reason}",
        max_tokens=state.max_tokens,
    )


def _about_an_account(error: ProviderError) -> bool:
    """Whether no other request would fare better."""
    return error.error_code in _SPEND_LIMITS or error.error_type == _QUOTA


def _failed(call: WarmCall, error: PrefixwarmError, started: float, seconds: float) -> Outcome:
    nothing_sent = isinstance(error, (ConnectError, CredentialsError, UsageError))
    billed = not isinstance(error, ProviderError) and not nothing_sent
    return Outcome(
        name=call.name,
        kind=FAILED,
        reason=str(error),
        started_at=started,
        seconds=seconds,
        calls=0 if nothing_sent else 1,
        cost_usd=None if billed else 0.0,
        retry_after=_pause_asked(error),
        own_fault=nothing_sent or getattr(error, "status", None) in _OWN_FAULTS,
    )


def _pause_asked(error: PrefixwarmError) -> float | None:
    """Seconds to leave the provider alone, where the error says more than the usual back-off."""
    if not isinstance(error, ProviderError):
        return None
    if error.error_code in _SPEND_LIMITS:
        return 3600.0
    if error.status in _NEVER_BY_RETRY:
        return max(600.0, error.retry_after or 0.0)
    return error.retry_after


def _result(outcome: Outcome, ask: Ask) -> Result:
    ttl = outcome.granted_ttl or 0
    milliseconds = outcome.seconds * 1000
    read_only = outcome.kind == REFRESHED
    return Result(
        outcome=outcome.kind,
        started=outcome.started_at,
        ttl=ttl,
        max_tokens=outcome.max_tokens,
        due_at=outcome.started_at + refresh_after(ttl),
        calls=outcome.calls,
        cost_usd=outcome.cost_usd,
        by=ask.caller,
        idle=ask.idle,
        longest_ttl=_SHORT_TTL if outcome.downgraded else None,
        write_ms=None if read_only else milliseconds,
        read_ms=milliseconds if read_only else None,
        reason=outcome.reason,
        message_id=outcome.message_id,
    )


def _failure(outcome: Outcome, ask: Ask, state: State, now: float) -> Failure:
    growing = min(30.0 * 2 ** min(state.failures, 7), 3600.0)
    pause = 3600.0 if outcome.kind == UNCACHED else max(growing, outcome.retry_after or 0.0)
    return Failure(
        outcome=outcome.kind,
        reason=outcome.reason,
        at=now,
        backoff_until=now + min(pause, 86400.0),
        calls=outcome.calls,
        cost_usd=outcome.cost_usd,
        by=ask.caller,
        own_fault=outcome.own_fault and bool(ask.caller),
    )
