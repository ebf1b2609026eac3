"""Warms the prefixes of one start, side by side."""

from __future__ import annotations

from time import time

from prefixwarm.core.deadline import Deadline
from prefixwarm.core.errors import PrefixFileError, PrefixwarmError
from prefixwarm.core.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.core.warm import Ask, send_unasked, warm
from prefixwarm_extension.decision import worth_holding
from prefixwarm_extension.prefixes import FOLDERS, load_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.core.state import State
    from prefixwarm.core.warm_call import WarmCall
    from prefixwarm_extension.sandbox import Sandbox

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
    return Outcome(name=call.name, kind=FAILED, reason=reason)


def _warm(call: WarmCall, sandbox: Sandbox) -> Outcome:
    until = Deadline(sandbox.hold_ends.at + AFTER_HOLD_SECONDS)
    if sandbox.store is None or sandbox.settings.init == "always":
        return send_unasked(call, sandbox.provider, until)
    return warm(call, _ask(call, sandbox), sandbox.store, sandbox.provider, until)


def _ask(call: WarmCall, sandbox: Sandbox) -> Ask:
    key = sandbox.key(call)

    def seen(state: State) -> None:
        sandbox.seen[key] = state

    def veto(state: State) -> str:
        return worth_holding(sandbox.settings, sandbox.start, state, call, sandbox.held)

    return Ask(
        key=key,
        owner=sandbox.owner(),
        needed_until=time() + NEEDED_SECONDS,
        wait=sandbox.hold_ends,
        idle=0 if sandbox.start.awaited else None,
        deployment=sandbox.settings.deployment,
        function=sandbox.function,
        veto=veto,
        seen=seen,
    )
