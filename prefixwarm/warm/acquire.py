"""One warm call in three steps: acquire, send, record.

Whoever warms (the init phase, the keep-warm function, the command line) goes through here, so
that all respect the same lease, the same back-off and the same honesty about the outcome::

    attempt = acquire(call, ask, store, deadline)
    if attempt.granted:
        attempt.send(provider)
        attempt.record()
    return attempt.outcome
"""

from __future__ import annotations

import os
from time import sleep, time

from prefixwarm.state.model import Lease, LeaseWish
from prefixwarm.state.warm_state import State
from prefixwarm.warm.attempt import Ask, Attempt
from prefixwarm.warm.start_share import start_share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.start_share import StartShare
    from prefixwarm.wire.deadline import Deadline


LEASE_MARGIN_SECONDS = 10.0
STATE_SECONDS = 1.0


def acquire(
    call: WarmCall,
    ask: Ask,
    store: StateStore,
    deadline: Deadline,
    clock: Callable[[], float] = time,
    state: State | None = None,
) -> Attempt:
    """Ask the state; where a call is due, take the lease. Never waits for another's call.

    Parameters
    ----------
    deadline
        When the call must have ended.
    state
        As just read; None to read it.

    Raises
    ------
    StateError
        When the state cannot be reached: nothing was sent, and the caller decides whether that
        means to let its function start (init phase) or to stop spending (keep-warm).
    """
    if state is None:
        state = store.read(ask.key, deadline.earliest(STATE_SECONDS))
    refusal = _refusal(state, call, ask, clock())
    lease, usd = None, None
    if not refusal and not state.leased(clock()):
        wish = _wish(state, call, ask, deadline, clock())
        state, taken = store.take_lease(ask.key, wish, deadline.earliest(STATE_SECONDS))
        if taken:
            usd = wish.allowance_usd
            lease = Lease(key=ask.key, owner=ask.owner, token=state.lease.token)
        else:
            refusal = _refusal(state, call, ask, clock())
    return Attempt(
        call,
        ask,
        state,
        store,
        deadline,
        clock,
        lease=lease,
        refusal=refusal,
        in_flight=lease is None and not refusal,
        allowance_usd=usd,
    )


def acquire_in_turn(
    call: WarmCall,
    ask: Ask,
    store: StateStore,
    deadline: Deadline,
    clock: Callable[[], float] = time,
    *,
    wait: Deadline,
) -> Attempt:
    """The same, but wait until `wait` for somebody else's call; raises StateError as well."""
    attempt = acquire(call, ask, store, deadline, clock)
    while attempt.in_flight and pause(wait):
        attempt = acquire(call, ask.replace(waited=True), store, deadline, clock)
    return attempt


def unasked(
    call: WarmCall,
    deadline: Deadline,
    clock: Callable[[], float] = time,
    *,
    ask: Ask | None = None,
    store: StateStore | None = None,
) -> Attempt:
    """An attempt that asks no state and takes no lease; where there is a store, it is told."""
    ask = ask or Ask(key="", owner="", needed_until=0.0)
    return Attempt(call, ask, State(key=ask.key), store, deadline, clock)


def pause(until: Deadline) -> bool:
    """Sleep between two tries while somebody else's call is in flight; False when it is over."""
    if until.expired:
        return False
    sleep(min(_jitter(), until.remaining()))
    return True


def _jitter() -> float:
    """Seconds between two reads of another caller's lease: 0.1 to 0.3."""
    return 0.1 + os.urandom(1)[0] / 1275


def _refusal(state: State, call: WarmCall, ask: Ask, now: float) -> str:
    if (state.life.warm_until or 0.0) > ask.needed_until:
        return "warm: written by another environment" if ask.waited else "warm"
    if state.held_back(now, ask.caller):
        return f"backing off after {state.backoff.failures} failed calls: {state.plan.reason}"
    if ask.latest_start is not None and now > ask.latest_start:
        return "too late: the entry has lapsed, and a refresh would be a write"
    if ask.objection or state.leased(now):
        # Another's call costs this one nothing.
        return ask.objection
    share = _share(state, call, ask, now)
    return share.refusal if share else ""


def _share(state: State, call: WarmCall, ask: Ask, now: float) -> StartShare | None:
    """What a start takes of its share; None for callers that pay otherwise."""
    if ask.usd_per_week is None:
        return None
    return start_share(state, call, ask.ttl_of(call, state, now), ask.usd_per_week, now)


def _wish(state: State, call: WarmCall, ask: Ask, deadline: Deadline, now: float) -> LeaseWish:
    share = _share(state, call, ask, now)
    return LeaseWish(
        name=call.name,
        owner=ask.owner,
        now=now,
        seconds=deadline.remaining() + LEASE_MARGIN_SECONDS,
        needed_until=ask.needed_until,
        by=ask.caller,
        deployment=ask.deployment,
        function=ask.function,
        allowance_usd=share.usd if share else None,
        week_usd=share.week_usd if share else None,
        week_ends=share.week_ends if share else 0.0,
    )
