"""One warm call in three steps: acquire, send, record.

Every caller that warms (the init phase, the keep-warm function, the command line) uses these
steps, so all follow the same lease, the same back-off and the same rules for outcomes::

    attempt = acquire(call, options, store, deadline)
    if attempt.granted:
        attempt.send(provider)
        attempt.record()
    return attempt.outcome
"""

from __future__ import annotations

import os
from time import monotonic, sleep, time

from prefixwarm.state.model import Lease, LeaseRequest, shared_key
from prefixwarm.state.warm_state import State
from prefixwarm.warm.attempt import Attempt, CallOptions
from prefixwarm.warm.lease_time import (
    LEASE_MARGIN_SECONDS,
    UNSENT_SECONDS,
    LeaseExtension,
    LeaseWatch,
    lease_seconds,
)
from prefixwarm.warm.start_share import start_share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.warm_store import WarmStore
    from prefixwarm.warm.start_share import StartShare
    from prefixwarm.wire.deadline import Deadline


STATE_SECONDS = 1.0


def acquire(
    call: WarmCall,
    options: CallOptions,
    store: WarmStore,
    deadline: Deadline,
    clock: Callable[[], float] | None = None,
    state: State | None = None,
    watch: LeaseWatch | None = None,
) -> Attempt:
    """Read the state and, if a call is due, take the lease. Never waits for another caller.

    Parameters
    ----------
    deadline
        When the call must have ended.
    clock
        Returns epoch seconds; None for the table's clock.
    state
        The state as just read; None to read it.
    watch
        For a caller that polls: tracks how long a holder has been silent.

    Raises
    ------
    StateError
        The state cannot be reached. Nothing was sent; the caller decides whether to let its
        function start (init phase) or to stop spending (keep-warm).
    """
    if state is None:
        state = store.read(options.key, deadline.earliest(STATE_SECONDS))
    clock = clock or store.now
    silent = watch.silent(state) if watch else None
    refusal, share = _refusal(state, options, clock()), None
    free = bool(silent) or not state.leased(clock())
    if free and not refusal:
        share = _share(state, call, options, store, deadline, clock())
        refusal = share.refusal if share else ""
    lease, extension = None, None
    if free and not refusal:
        request = _lease_request(state, call, options, share, deadline, clock())
        state, lease, extension = _leased(
            request.replace(silent=silent), options.key, store, deadline, clock
        )
        refusal = "" if lease else _refusal(state, options, clock())
    return Attempt(
        call,
        options,
        state,
        store,
        deadline,
        clock,
        lease=lease,
        extension=extension,
        refusal=refusal,
        in_flight=lease is None and not refusal,
        allowance_usd=share.usd if share else None,
    )


def acquire_in_turn(
    call: WarmCall,
    options: CallOptions,
    store: WarmStore,
    deadline: Deadline,
    clock: Callable[[], float] | None = None,
    *,
    wait: Deadline,
) -> Attempt:
    """Like `acquire`, but wait until `wait` for another caller's call; may raise StateError."""
    watch = LeaseWatch()
    attempt = acquire(call, options, store, deadline, clock, watch=watch)
    while attempt.in_flight and pause(wait):
        options = options.replace(waited=True)
        attempt = acquire(call, options, store, deadline, clock, watch=watch)
    return attempt


def without_lease(
    call: WarmCall,
    deadline: Deadline,
    clock: Callable[[], float] = time,
    *,
    options: CallOptions | None = None,
    store: WarmStore | None = None,
    state: State | None = None,
) -> Attempt:
    """Make an attempt without reading the state or taking a lease; a store records the outcome.

    `state` is the prefix's state, if the caller has it anyway.
    """
    options = options or CallOptions(key="", owner="", needed_until=0.0)
    state = state or State(key=options.key)
    return Attempt(call, options, state, store, deadline, clock)


def pause(until: Deadline) -> bool:
    """Sleep before the next try while another call is in flight; False once time is over."""
    if until.expired:
        return False
    sleep(min(_jitter(), until.remaining()))
    return True


def _jitter() -> float:
    """The seconds between two reads of another caller's lease: 0.1 to 0.3."""
    return 0.1 + os.urandom(1)[0] / 1275


def _refusal(state: State, options: CallOptions, now: float) -> str:
    if (state.life.warm_until or 0.0) > options.needed_until:
        return "warm: written by another environment" if options.waited else "warm"
    if state.held_back(now, options.caller):
        return backing_off(state)
    if options.latest_start is not None and now > options.latest_start:
        return "too late: the entry has lapsed, and a refresh would be a write"
    return options.objection


def backing_off(state: State) -> str:
    """The reason text of a back-off."""
    failures, reason = state.backoff.failures, state.last_decision.reason
    return f"backing off after {failures} failed calls: {reason}"


def _share(
    state: State,
    call: WarmCall,
    options: CallOptions,
    store: WarmStore,
    deadline: Deadline,
    now: float,
) -> StartShare | None:
    """What a start takes from the prefix's share; None for callers with another budget."""
    if options.usd_per_week is None:
        return None
    shared = store.read(shared_key(options.key), deadline.earliest(STATE_SECONDS))
    ttl = options.ttl_of(call, state, now)
    return start_share(shared, call.billed(state.life.tokens), ttl, options.usd_per_week, now)


def _leased(
    request: LeaseRequest,
    key: str,
    store: WarmStore,
    deadline: Deadline,
    clock: Callable[[], float],
) -> tuple[State, Lease | None, LeaseExtension | None]:
    """The state, and the lease with its extension if it was taken."""
    began = monotonic()
    state, taken = store.take_lease(key, request, deadline.earliest(STATE_SECONDS))
    if not taken:
        return state, None, None
    lease = Lease(key=key, owner=request.owner, token=state.lease.token)
    if not request.unsent:
        return state, lease, None
    return state, lease, LeaseExtension(lease, store, deadline, clock, began)


def _lease_request(
    state: State,
    call: WarmCall,
    options: CallOptions,
    share: StartShare | None,
    deadline: Deadline,
    now: float,
) -> LeaseRequest:
    """The request for the lease that the call needs.

    A silent holder may be replaced once, so that at most two calls are under way. Two leases
    therefore start at their full length: that of a refresh, for which nobody waits, and that of a
    replacement.
    """
    unsent = not (state.warm_for(now) or state.lease.unsent)
    return LeaseRequest(
        name=call.name,
        owner=options.owner,
        now=now,
        seconds=UNSENT_SECONDS + LEASE_MARGIN_SECONDS if unsent else lease_seconds(deadline),
        unsent=unsent,
        started_at=now if options.starting else None,
        needed_until=options.needed_until,
        by=options.caller,
        deployment=options.deployment,
        function=options.function,
        allowance_usd=share.usd if share else None,
        week_usd=share.week_usd if share else None,
        week_ends=share.week_ends if share else 0.0,
    )
