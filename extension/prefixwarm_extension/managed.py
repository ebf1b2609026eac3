"""Keeps prefixes warm on a timer, where environments are never frozen: Managed Instances.

The rule is the fixed one: refresh some minutes before the entry lapses, and stop when as many
refreshes in a row saw no traffic as one write costs. The lease makes one call of it, however
many environments there are; a keep-warm function beside them finds the work done.
"""

from __future__ import annotations

from time import sleep, time

from prefixwarm.errors import PrefixwarmError
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.attempt import Ask, refresh_after, warm
from prefixwarm.warm.log_line import line
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.warming import cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.model import State
    from prefixwarm.state.store import StateStore
    from prefixwarm_extension.context import StartContext


LOOK_SECONDS = 60.0
CALL_SECONDS = 30.0
# Where prices are unknown: the provider's own multipliers of the input price, which hold for
# every model that it serves; https://docs.claude.com/en/docs/build-with-claude/prompt-caching
_MULTIPLIERS = {"read": 0.1, "write_5m": 1.25, "write_1h": 2.0}


def keep_warm(
    context: StartContext,
    calls: list[WarmCall],
    pause: Callable[[float], None] = sleep,
    clock: Callable[[], float] = time,
) -> None:
    """Refresh what is due, once a minute, until the environment ends."""
    if context.store is None or not calls:
        return
    while True:
        for call in calls:
            outcome = _refreshed(call, context, context.store, clock)
            if outcome.kind != SKIPPED:
                _say(outcome, context, clock())
        pause(LOOK_SECONDS)


def idle_limit(call: WarmCall) -> int:
    """Refreshes without traffic after which the next write is cheaper than going on."""
    prices = {name: call.usd_per_mtok.get(name) for name in _MULTIPLIERS}
    known = {name: price for name, price in prices.items() if price}
    use = known if len(known) == len(prices) else _MULTIPLIERS
    write = use["write_1h" if call.ttl >= 3600 else "write_5m"]
    return int((write - use["read"]) / use["read"] + 1e-9)


def _refreshed(
    call: WarmCall, context: StartContext, store: StateStore, clock: Callable[[], float]
) -> Outcome:
    try:
        deadline = Deadline.after(CALL_SECONDS)
        state = store.read(context.key(call), deadline)
        refusal = _refusal(call, state, clock())
        if refusal:
            return Outcome(name=call.name, kind=SKIPPED, reason=refusal)
        ask = _ask(state, context)
        return warm(call, ask, store, context.provider, deadline, clock)
    except PrefixwarmError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - the next minute may be better
        reason = cause(error)
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _refusal(call: WarmCall, state: State, now: float) -> str:
    if state.warm_for(now) == 0 or state.last_touch is None or state.granted_ttl is None:
        return "cold: the next request writes"
    if now < state.last_touch + refresh_after(state.granted_ttl):
        return "not due"
    return f"{state.idle} refreshes without traffic" if state.idle >= idle_limit(call) else ""


def _ask(state: State, context: StartContext) -> Ask:
    # Whoever has refreshed it meanwhile raised its life well beyond the one that we saw.
    return Ask(
        key=state.key,
        owner=context.owner(),
        needed_until=(state.warm_until or 0.0) + 1.0,
        latest_start=state.warm_until,
        idle=1,
        deployment=context.settings.deployment,
        function=context.function,
    )


def _say(outcome: Outcome, context: StartContext, now: float) -> None:
    text = line(
        outcome,
        by="init",
        now=now,
        service=context.settings.deployment,
        function=context.function,
        initialization=context.start.kind,
    )
    print(text, flush=True)  # noqa: T201 - the log is standard output
