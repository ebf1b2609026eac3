"""Warms the prefixes of one start concurrently."""

from __future__ import annotations

from prefixwarm.errors import PrefixFileError, PrefixwarmError
from prefixwarm.life import TTL_5M
from prefixwarm.settings import PREFIX_FOLDERS
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.acquire import STATE_SECONDS, acquire, pause, without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.error_classification import describe
from prefixwarm.warm.lease_time import LeaseWatch
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.init_policy import PROVISIONED, decide
from prefixwarm_extension.prefixes import load_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.warm_state import State
    from prefixwarm.warm.attempt import Attempt
    from prefixwarm_extension.context import StartContext
    from prefixwarm_extension.init_policy import Decision


AFTER_HOLD_SECONDS = 20.0
NEEDED_SECONDS = 30.0


def attached(context: StartContext) -> list[WarmCall | PrefixFileError]:
    """The prefixes of this environment, or their errors."""
    own = context.settings.prefixes
    return list(load_all((own,) if own else PREFIX_FOLDERS))


def warm_all(prefixes: list[WarmCall | PrefixFileError], context: StartContext) -> list[Outcome]:
    """Warm cold prefixes if it pays; always returns one outcome per prefix."""
    if not prefixes:
        return [Outcome(name="", kind=SKIPPED, reason="no prefix files are attached")]
    broken = [item for item in prefixes if isinstance(item, PrefixFileError)]
    calls = [item for item in prefixes if not isinstance(item, PrefixFileError)]
    context.ready.expect(calls)
    if calls:
        context = context.replace(first=context.settings.first or calls[0].name)
    outcomes = [Outcome(name="", kind=FAILED, reason=str(error)) for error in broken]
    if len(calls) > 1:
        return outcomes + _side_by_side(calls, context)
    return outcomes + [_warm_one(call, context) for call in calls]


def _side_by_side(calls: list[WarmCall], context: StartContext) -> list[Outcome]:
    from threading import Thread

    outcomes: list[Outcome] = []
    threads = [
        Thread(target=lambda call=call: outcomes.append(_warm_one(call, context)), daemon=True)
        for call in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _warm_one(call: WarmCall, context: StartContext) -> Outcome:
    try:
        return _warm(call, context)
    except PrefixwarmError as error:
        reason = f"nothing was sent: {error}"
    except Exception as error:  # noqa: BLE001 - one prefix must not affect the others
        reason = describe(error)
    finally:
        context.ready.complete(call)
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _warm(call: WarmCall, context: StartContext) -> Outcome:
    attempt = (
        _without_lease(call, context)
        if context.settings.init == "always"
        else _acquired(call, context)
    )
    context.seen[attempt.state.key] = attempt.state
    if attempt.granted:
        _release_gated(call, context)
        attempt.send(context.provider)
        attempt.record()
    return attempt.outcome


def _without_lease(call: WarmCall, context: StartContext) -> Attempt:
    return without_lease(
        call, _call_ends(context), options=_options(call, context), store=context.store
    )


def _acquired(call: WarmCall, context: StartContext) -> Attempt:
    """Read the state and decide, until we hold the lease or there is nothing to wait for.

    Does not wait for a call that follows failed ones: the provider may be down, and one start is
    enough to find out.
    """
    assert context.store is not None
    options, ends = _paying(_options(call, context), context), _call_ends(context)
    watch = LeaseWatch()
    wait = Deadline(context.hold_ends.at + context.start.gate)
    while True:
        state = context.store.read(options.key, ends.earliest(STATE_SECONDS))
        context.seen[options.key] = state
        now = context.store.now()
        if context.start.gate and state.leased(now):
            # The gate also waits for another environment's call.
            context.ready.complete(call)
        sized = call.billed(state.life.tokens)
        decision = decide(context.settings, context.start, state, sized, context.held)
        context.decisions[call.name] = decision
        objection = _objection(call, state, decision, context)
        options = options.replace(needed_until=now + NEEDED_SECONDS, objection=objection)
        attempt = acquire(call, options, context.store, ends, state=state, watch=watch)
        if not attempt.in_flight or attempt.state.backoff.failures or not pause(wait):
            return attempt
        options = options.replace(waited=True)


def _objection(call: WarmCall, state: State, decision: Decision, context: StartContext) -> str:
    """Why this start does not warm the prefix if it is cold."""
    if call.name != context.first and not state.is_used_by(context.function):
        return f"no request was seen to use it; before that, {context.first} alone is warmed"
    return "" if decision.send else decision.why


def _release_gated(call: WarmCall, context: StartContext) -> None:
    """Let the function continue if its gate waits for the reply.

    Only after the lease is taken, because the gate waits for a lease.
    """
    decision = context.decisions.get(call.name)
    if decision and decision.gated:
        context.ready.complete(call)


def _call_ends(context: StartContext) -> Deadline:
    return Deadline(context.hold_ends.at + AFTER_HOLD_SECONDS)


def _paying(options: CallOptions, context: StartContext) -> CallOptions:
    """Options that pay from the starts' share, with five minutes unless the hour is known to pay.

    Without observation, nothing would show that a provisioned start's warm call is used.
    """
    usd = 0.0 if context.start.kind == PROVISIONED else context.settings.init_usd_per_week
    return options.replace(usual_ttl=TTL_5M, usd_per_week=usd)


def _options(call: WarmCall, context: StartContext) -> CallOptions:
    return CallOptions(
        key=context.key(call),
        owner=context.owner(),
        needed_until=0.0,
        idle_refreshes=0 if context.start.awaited else None,
        starting=context.start.awaited,
        deployment=context.settings.deployment,
        function=context.function,
    )
