"""Warms the prefixes of one start, side by side."""

from __future__ import annotations

from time import time

from prefixwarm.errors import PrefixFileError, PrefixwarmError
from prefixwarm.state.model import Lease, State
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.attempt import Ask, send_and_record, send_unasked, warm
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.init_policy import decide
from prefixwarm_extension.prefixes import FOLDERS, load_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.provider.client import Provider, Reply
    from prefixwarm_extension.context import StartContext


AFTER_HOLD_SECONDS = 20.0
NEEDED_SECONDS = 30.0


def attached(context: StartContext) -> list[WarmCall | PrefixFileError]:
    """The prefixes of this sandbox, or what is wrong with them."""
    own = context.settings.prefixes
    return list(load_all((own,) if own else FOLDERS))


def warm_all(found: list[WarmCall | PrefixFileError], context: StartContext) -> list[Outcome]:
    """Warm what is cold and worth it; one outcome for each prefix, whatever happens."""
    if not found:
        return [Outcome(name="", kind=SKIPPED, reason="no prefix files are attached")]
    broken = [item for item in found if isinstance(item, PrefixFileError)]
    calls = [item for item in found if not isinstance(item, PrefixFileError)]
    context.ready.expect(calls)
    outcomes = [Outcome(name="", kind=FAILED, reason=str(error)) for error in broken]
    if len(calls) > 1:
        return outcomes + _side_by_side(calls, context)
    return outcomes + [_warm_one(call, context) for call in calls]


def cause(error: BaseException) -> str:
    """What an unexpected error was, and where; never its text, which may quote a prompt."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = trace.tb_frame.f_code.co_name if trace else "?"
    return f"unexpected {type(error).__name__} in {place}"


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
    except Exception as error:  # noqa: BLE001 - one prefix must not cost the others their line
        reason = cause(error)
    finally:
        context.ready.complete(call)
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _warm(call: WarmCall, context: StartContext) -> Outcome:
    until = Deadline(context.hold_ends.at + AFTER_HOLD_SECONDS)
    if context.settings.init == "always":
        return _warm_unasked(call, context, until)
    assert context.store is not None
    provider: Provider = _LettingGo(call, context)  # type: ignore[assignment] # all that is used
    return warm(call, _ask(call, context), context.store, provider, until)


def _warm_unasked(call: WarmCall, context: StartContext, until: Deadline) -> Outcome:
    """Send without asking the table; where there is one, it is told."""
    if context.store is None:
        return send_unasked(call, context.provider, until)
    ask = _ask(call, context)
    context.seen[ask.key] = state = State(key=ask.key)
    # A lease that nobody ever holds: what is told raises the entry's life, and changes no more.
    lease = Lease(key=ask.key, owner=ask.owner, token=-1)
    return send_and_record(call, ask, state, lease, context.store, context.provider, until)


class _LettingGo:
    """The provider; the function goes on as soon as a call is sent that its gate waits for.

    Not before: the gate looks for the lease, which is taken by then.
    """

    def __init__(self, call: WarmCall, context: StartContext) -> None:
        self._call = call
        self._context = context

    def send(self, call: WarmCall, max_tokens: int, deadline: Deadline) -> Reply:
        """See `Provider.send`."""
        decision = self._context.decisions.get(call.name)
        if decision and decision.gated:
            self._context.ready.complete(self._call)
        return self._context.provider.send(call, max_tokens, deadline)


def _ask(call: WarmCall, context: StartContext) -> Ask:
    key = context.key(call)

    def seen(state: State) -> None:
        context.seen[key] = state
        if context.start.gate and state.leased(time()):
            # The gate waits for another environment's call as well.
            context.ready.complete(call)

    def veto(state: State) -> str:
        decision = decide(context.settings, context.start, state, call, context.held)
        context.decisions[call.name] = decision
        return "" if decision.send else decision.why

    return Ask(
        key=key,
        owner=context.owner(),
        needed_until=time() + NEEDED_SECONDS,
        wait=Deadline(context.hold_ends.at + context.start.gate),
        idle=0 if context.start.awaited else None,
        deployment=context.settings.deployment,
        function=context.function,
        veto=veto,
        seen=seen,
    )
