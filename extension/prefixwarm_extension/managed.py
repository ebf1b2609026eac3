"""Keeps prefixes warm on a timer on Managed Instances, whose environments are never frozen.

The rule is fixed: refresh shortly before the entry expires, and stop after refreshes without
traffic have cost as much as one write. The lease ensures one call, however many environments
there are; a keep-warm function then has nothing to do.
"""

from __future__ import annotations

from time import sleep, time

from prefixwarm.life import break_even, refresh_after, relative_prices, write_price
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.acquire import acquire
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.error_classification import describe
from prefixwarm.warm.log_line import line
from prefixwarm.wire.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.warm_state import State
    from prefixwarm.state.warm_store import WarmStore
    from prefixwarm_extension.context import StartContext


CHECK_SECONDS = 60.0
CALL_SECONDS = 30.0


def keep_warm(
    context: StartContext,
    calls: list[WarmCall],
    pause: Callable[[float], None] = sleep,
    clock: Callable[[], float] = time,
) -> None:
    """Make due refreshes once a minute until the environment ends."""
    if context.store is None or not calls:
        return
    while True:
        for call in calls:
            outcome = _refreshed(call, context, context.store, clock)
            if outcome.kind != SKIPPED:
                _say(outcome, context, clock())
        pause(CHECK_SECONDS)


def idle_limit(call: WarmCall) -> int:
    """The number of refreshes without traffic after which a later write is cheaper."""
    prices = relative_prices(call.usd_per_mtok)
    return break_even(prices["read"], prices[write_price(call.ttl)] - prices["read"])


def _refreshed(
    call: WarmCall, context: StartContext, store: WarmStore, clock: Callable[[], float]
) -> Outcome:
    try:
        deadline = Deadline.after(CALL_SECONDS)
        state = store.read(context.key(call), deadline)
        options = _options(state, context, objection=_refusal(call, state, clock()))
        attempt = acquire(call, options, store, deadline, clock, state)
        if attempt.granted:
            attempt.send(context.provider)
            attempt.record()
        return attempt.outcome
    except Exception as error:  # noqa: BLE001 - the next minute may succeed
        reason = describe(error)
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _refusal(call: WarmCall, state: State, now: float) -> str:
    if state.warm_for(now) == 0 or state.life.last_touch is None or state.life.granted_ttl is None:
        return "cold: the next request writes"
    if now < state.life.last_touch + refresh_after(state.life.granted_ttl):
        return "not due"
    return (
        f"{state.traffic.idle_refreshes} refreshes without traffic"
        if state.traffic.idle_refreshes >= idle_limit(call)
        else ""
    )


def _options(state: State, context: StartContext, objection: str) -> CallOptions:
    # If another caller has refreshed it meanwhile, it now lives well beyond the time read here.
    return CallOptions(
        key=state.key,
        owner=context.owner(),
        needed_until=(state.life.warm_until or 0.0) + 1.0,
        latest_start=state.life.warm_until,
        idle_refreshes=1,
        usd_per_week=context.settings.init_usd_per_week,
        objection=objection,
        deployment=context.settings.deployment,
        function=context.function,
    )


def _say(outcome: Outcome, context: StartContext, now: float) -> None:
    text = line(
        outcome,
        by="init",
        now=now,
        service=context.settings.deployment,
        full=context.settings.full_metrics,
        function=context.function,
        initialization=context.start.kind,
    )
    print(text, flush=True)  # noqa: T201 - the log is standard output
