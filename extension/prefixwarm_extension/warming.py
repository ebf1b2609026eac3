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
    from prefixwarm_extension.context import Sandbox

__all__ = ["attached", "cause", "warm_all"]

AFTER_HOLD_SECONDS = 20.0
NEEDED_SECONDS = 30.0


def attached(sandbox: Sandbox) -> list[WarmCall | PrefixFileError]:
    """The prefixes of this sandbox, or what is wrong with them."""
    own = sandbox.settings.prefixes
    return list(load_all((own,) if own else FOLDERS))


def warm_all(found: list[WarmCall | PrefixFileError], sandbox: Sandbox) -> list[Outcome]:
    """Warm what is cold and worth it; one outcome for each prefix, whatever happens."""
    if not found:
        return [Outcome(name="", kind=SKIPPED, reason="no prefix files are attached")]
    broken = [item for item in found if isinstance(item, PrefixFileError)]
    calls = [item for item in found if not isinstance(item, PrefixFileError)]
    sandbox.word.wait_for(calls)
    outcomes = [Outcome(name="", kind=FAILED, reason=str(error)) for error in broken]
    if len(calls) > 1:
        return outcomes + _side_by_side(calls, sandbox)
    return outcomes + [_warm_one(call, sandbox) for call in calls]


def cause(error: BaseException) -> str:
    """What an unexpected error was, and where; never its text, which may quote a prompt."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = trace.tb_frame.f_code.co_name if trace else "?"
    return f"unexpected {type(error).__name__} in {place}"


def _side_by_side(calls: list[WarmCall], sandbox: Sandbox) -> list[Outcome]:
    from threading import Thread

    outcomes: list[Outcome] = []
    threads = [
        Thread(target=lambda call=call: outcomes.append(_warm_one(call, sandbox)), daemon=True)
        for call in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _warm_one(call: WarmCall, sandbox: Sandbox) -> Outcome:
    try:
        return _warm(call, sandbox)
    except PrefixwarmError as error:
        reason = f"nothing was sent: {error}"
    except Exception as error:  # noqa: BLE001 - one prefix must not cost the others their line
        reason = cause(error)
    finally:
        sandbox.word.done_with(call)
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _warm(call: WarmCall, sandbox: Sandbox) -> Outcome:
    until = Deadline(sandbox.hold_ends.at + AFTER_HOLD_SECONDS)
    if sandbox.settings.init == "always":
        return _warm_unasked(call, sandbox, until)
    assert sandbox.store is not None
    provider: Provider = _LettingGo(call, sandbox)  # type: ignore[assignment] # all that is used
    return warm(call, _ask(call, sandbox), sandbox.store, provider, until)


def _warm_unasked(call: WarmCall, sandbox: Sandbox, until: Deadline) -> Outcome:
    """Send without asking the table; where there is one, it is told."""
    if sandbox.store is None:
        return send_unasked(call, sandbox.provider, until)
    ask = _ask(call, sandbox)
    sandbox.seen[ask.key] = state = State(key=ask.key)
    # A lease that nobody ever holds: what is told raises the entry's life, and changes no more.
    lease = Lease(key=ask.key, owner=ask.owner, token=-1)
    return send_and_record(call, ask, state, lease, sandbox.store, sandbox.provider, until)


class _LettingGo:
    """The provider; the function goes on as soon as a call is sent that its gate waits for.

    Not before: the gate looks for the lease, which is taken by then.
    """

    def __init__(self, call: WarmCall, sandbox: Sandbox) -> None:
        self._call = call
        self._sandbox = sandbox

    def send(self, call: WarmCall, max_tokens: int, deadline: Deadline) -> Reply:
        """See `Provider.send`."""
        decision = self._sandbox.decisions.get(call.name)
        if decision and decision.gated:
            self._sandbox.word.done_with(self._call)
        return self._sandbox.provider.send(call, max_tokens, deadline)


def _ask(call: WarmCall, sandbox: Sandbox) -> Ask:
    key = sandbox.key(call)

    def seen(state: State) -> None:
        sandbox.seen[key] = state
        if sandbox.start.gate and state.leased(time()):
            # The gate waits for another environment's call as well.
            sandbox.word.done_with(call)

    def veto(state: State) -> str:
        decision = decide(sandbox.settings, sandbox.start, state, call, sandbox.held)
        sandbox.decisions[call.name] = decision
        return "" if decision.send else decision.why

    return Ask(
        key=key,
        owner=sandbox.owner(),
        needed_until=time() + NEEDED_SECONDS,
        wait=Deadline(sandbox.hold_ends.at + sandbox.start.gate),
        idle=0 if sandbox.start.awaited else None,
        deployment=sandbox.settings.deployment,
        function=sandbox.function,
        veto=veto,
        seen=seen,
    )
