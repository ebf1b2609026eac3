"""The init phase's work, step by step: settings, prefixes, state, decision, warm call, report."""

from __future__ import annotations

import os
from time import monotonic, time

from prefixwarm.core.aws import AwsClient
from prefixwarm.core.credentials import aws_credentials
from prefixwarm.core.deadline import Deadline
from prefixwarm.core.dynamo import DynamoState, signed_calls
from prefixwarm.core.errors import PrefixFileError, PrefixwarmError, StateError
from prefixwarm.core.http import HttpTransport
from prefixwarm.core.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.core.provider import Provider
from prefixwarm.core.record import Record
from prefixwarm.core.report import line
from prefixwarm.core.routes import route_named
from prefixwarm.core.settings import Settings
from prefixwarm.core.warm import Ask, send_unasked, warm
from prefixwarm_extension.decision import Start, start_of, worth_holding
from prefixwarm_extension.prefixes import FOLDERS, load_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.seams import StateStore
    from prefixwarm.core.state import State
    from prefixwarm.core.warm_call import WarmCall

__all__ = ["main"]

CA_FOLDER = "/opt/prefixwarm/ca"
AFTER_HOLD_SECONDS = 20.0
NEEDED_SECONDS = 30.0


class Sandbox(Record):
    """What the steps of one start share."""

    environ: Mapping[str, str]
    settings: Settings
    start: Start
    began: float
    store: StateStore | None
    provider: Provider
    seen: dict[str, State]

    @property
    def hold_ends(self) -> Deadline:
        """When the function goes on without us."""
        return Deadline(self.began + self.start.hold)


def main(environ: Mapping[str, str], word: int) -> None:
    """Warm what is cold, tell the launcher on the descriptor `word`, and say what was done."""
    began = monotonic()
    sandbox = None
    try:
        settings = Settings.from_environment(environ)
        start = start_of(settings, environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"))
        if start.refusal:
            outcomes = [Outcome(name="", kind=SKIPPED, reason=start.refusal)]
        else:
            sandbox = _sandbox(environ, settings, start, began)
            outcomes = _warm_all(sandbox)
    except PrefixwarmError as error:
        outcomes = [Outcome(name="", kind=FAILED, reason=str(error))]
    held_ms = round((monotonic() - began) * 1000, 1)
    os.write(word, b"next\n")
    for outcome in outcomes:
        _say(outcome, environ, held_ms)
    if sandbox is not None:
        _join(sandbox)


def _sandbox(environ: Mapping[str, str], settings: Settings, start: Start, began: float) -> Sandbox:
    transport = HttpTransport(environ, CA_FOLDER if os.path.isdir(CA_FOLDER) else None)
    aws = AwsClient(
        transport=transport, credentials=aws_credentials(environ, transport), environ=environ
    )
    return Sandbox(
        environ=environ,
        settings=settings,
        start=start,
        began=began,
        store=DynamoState(settings.table, signed_calls(aws)) if settings.table else None,
        provider=Provider(transport, aws, settings.api_key_secret, environ),
        seen={},
    )


def _warm_all(sandbox: Sandbox) -> list[Outcome]:
    own = sandbox.settings.prefixes
    found = list(load_all((own,) if own else FOLDERS))
    if not found:
        return [Outcome(name="", kind=SKIPPED, reason="no prefix files are attached")]
    outcomes = [_broken(item) for item in found if isinstance(item, PrefixFileError)]
    calls = [item for item in found if not isinstance(item, PrefixFileError)]
    if len(calls) == 1:
        return [*outcomes, _warm_one(calls[0], sandbox)]
    return outcomes + _side_by_side(calls, sandbox)


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


def _broken(error: PrefixFileError) -> Outcome:
    return Outcome(name="", kind=FAILED, reason=str(error))


def _warm_one(call: WarmCall, sandbox: Sandbox) -> Outcome:
    until = Deadline(sandbox.hold_ends.at + AFTER_HOLD_SECONDS)
    if sandbox.store is None:
        return send_unasked(call, sandbox.provider, until)
    try:
        return warm(call, _ask(call, sandbox), sandbox.store, sandbox.provider, until)
    except (StateError, PrefixwarmError) as error:
        return Outcome(name=call.name, kind=FAILED, reason=f"nothing was sent: {error}")


def _ask(call: WarmCall, sandbox: Sandbox) -> Ask:
    environ, settings = sandbox.environ, sandbox.settings
    key = call.key(route_named(call.route), settings.cache_scope, environ)

    def veto(state: State) -> str:
        sandbox.seen[key] = state
        return worth_holding(settings, sandbox.start, state, monotonic() - sandbox.began)

    return Ask(
        key=key,
        owner=f"{environ.get('AWS_LAMBDA_LOG_STREAM_NAME', 'init')}-{os.urandom(6).hex()}",
        needed_until=time() + NEEDED_SECONDS,
        wait=sandbox.hold_ends,
        idle=0 if sandbox.start.on_demand else None,
        deployment=settings.deployment,
        function=environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        veto=veto,
    )


def _join(sandbox: Sandbox) -> None:
    """Let the keep-warm function know whose metric to ask: once in a function's life."""
    function = sandbox.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    for key, state in sandbox.seen.items():
        if sandbox.store is not None and function and function not in state.functions:
            try:
                sandbox.store.join(key, function, Deadline.after(1.0))
            except StateError:
                return


def _say(outcome: Outcome, environ: Mapping[str, str], held_ms: float) -> None:
    text = line(
        outcome,
        by="init",
        now=time(),
        service=environ.get("PREFIXWARM_DEPLOYMENT", ""),
        held_ms=held_ms,
        function=environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        initialization=environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"),
    )
    print(text, flush=True)  # noqa: T201 - the log is standard output
