"""The steps of the init phase: settings, prefixes, state, decision, warm call, report."""

from __future__ import annotations

from _signal import SIG_DFL, SIG_IGN, SIGTERM, signal  # type: ignore[import-not-found]
from time import monotonic, time

from prefixwarm.errors import PrefixwarmError, StateError
from prefixwarm.settings import Settings
from prefixwarm.state.model import OBSERVED
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.error_classification import describe
from prefixwarm.warm.log_line import line
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.context import StartContext
from prefixwarm_extension.init_policy import MANAGED, start_of
from prefixwarm_extension.ready_signal import ReadySignal
from prefixwarm_extension.warming import attached, warm_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.errors import PrefixFileError
    from prefixwarm.prefix.compiled import WarmCall

    Attached = list[WarmCall | PrefixFileError]


START_EVERY = 600.0


def main(environ: Mapping[str, str], ready: int, kind: str | None, most_ms: int) -> None:
    """Warm cold prefixes, signal the launcher on the descriptor `ready`, and log the outcomes.

    Parameters
    ----------
    kind
        How the environment starts, see `init_policy.start_of`.
    most_ms
        The most milliseconds that the launcher waits.
    """
    began = monotonic()
    signal(SIGTERM, _end)
    run = _Run(environ, kind, began, ReadySignal(ready, began))
    outcomes = run.outcomes(most_ms / 1000)
    # From here the environment may end at any time; the log lines come first.
    signal(SIGTERM, SIG_IGN)
    run.ready.send()
    for outcome in outcomes:
        run.report(outcome)
    signal(SIGTERM, SIG_DFL)
    if run.context is not None:
        _afterwards(run.context, run.attached)


class _Ended(BaseException):
    """The environment ends before the work is done."""


class _Run:
    """One start and its progress."""

    def __init__(
        self, environ: Mapping[str, str], kind: str | None, began: float, ready: ReadySignal
    ) -> None:
        self._environ = environ
        self._kind = kind
        self._began = began
        self.ready = ready
        self.context: StartContext | None = None
        self.attached: Attached = []

    def outcomes(self, most: float) -> list[Outcome]:
        """Warm and return the outcomes; never raises an `Exception`."""
        try:
            return self._warm(most)
        except PrefixwarmError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - must not fail the function
            reason = describe(error)
        except _Ended:
            if self.attached:
                return [_unanswered(item) for item in self.attached]
            reason = "the environment ended before a call was sent"
        return [Outcome(name="", kind=FAILED, reason=reason)]

    def _warm(self, most: float) -> list[Outcome]:
        settings = Settings.from_environment(self._environ)
        start = start_of(settings, self._kind, most)
        if start.refusal:
            return [Outcome(name="", kind=SKIPPED, reason=start.refusal)]
        self.context = StartContext.of(self._environ, settings, start, self._began, self.ready)
        self.attached = attached(self.context)
        return warm_all(self.attached, self.context)

    def report(self, outcome: Outcome) -> None:
        """Write the log line of an outcome."""
        decision = self.context.decisions.get(outcome.name) if self.context else None
        held = min(self.ready.held, self.context.start.hold) if self.context else self.ready.held
        text = line(
            outcome,
            by="init",
            now=time(),
            service=self._environ.get("PREFIXWARM_DEPLOYMENT", ""),
            full=self.context is not None and self.context.settings.full_metrics,
            decision=decision.why if decision and outcome.kind != SKIPPED else None,
            held_ms=round(held * 1000, 1),
            function=self._environ.get("AWS_LAMBDA_FUNCTION_NAME"),
            initialization=self._kind,
        )
        print(text, flush=True)  # noqa: T201 - the log is standard output


def _end(_number: int, _frame: object) -> None:
    raise _Ended


def _unanswered(item: WarmCall | PrefixFileError) -> Outcome:
    name = getattr(item, "name", "")
    return Outcome(name=name, kind=FAILED, reason="the environment ended before the reply came")


def _afterwards(context: StartContext, prefixes: Attached) -> None:
    note_start(context)
    if context.start.kind == MANAGED:
        from prefixwarm_extension.managed import keep_warm

        keep_warm(context, [item for item in prefixes if not isinstance(item, PrefixwarmError)])


def note_start(context: StartContext) -> None:
    """Record this function in the state: the metric to query, and that this version is in use.

    Done once per function, and once every few minutes if requests wait for the starts and nobody
    observes them: observed requests say themselves that they come.
    """
    if context.store is None or not context.function:
        return
    for key, state in context.seen.items():
        traffic = state.traffic
        recent = time() - (traffic.started_at or 0.0) < START_EVERY
        noted = recent or traffic.by == OBSERVED or not context.start.awaited
        if context.function in state.deployment.functions and noted:
            continue
        started = time() if context.start.awaited else None
        try:
            context.store.add_function(key, context.function, Deadline.after(1.0), started)
        except StateError:
            return
