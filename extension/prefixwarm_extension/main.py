"""The init phase's work, step by step: settings, prefixes, state, decision, warm call, report."""

from __future__ import annotations

from _signal import SIG_DFL, SIG_IGN, SIGTERM, signal  # type: ignore[import-not-found]
from time import monotonic, time

from prefixwarm.errors import PrefixwarmError, StateError
from prefixwarm.settings import Settings
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.log_line import line
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.context import Sandbox
from prefixwarm_extension.init_policy import MANAGED, start_of
from prefixwarm_extension.ready_signal import Word
from prefixwarm_extension.warming import attached, cause, warm_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.errors import PrefixFileError
    from prefixwarm.prefix.compiled import WarmCall

    Found = list[WarmCall | PrefixFileError]

__all__ = ["main"]

START_EVERY = 600.0


def main(environ: Mapping[str, str], word: int, kind: str | None, most_ms: int) -> None:
    """Warm what is cold, tell the launcher on the descriptor `word`, and say what was done.

    Parameters
    ----------
    kind
        How the environment starts, as `decision.start_of` takes it.
    most_ms
        Milliseconds that the launcher waits at most.
    """
    began = monotonic()
    signal(SIGTERM, _end)
    run = _Run(environ, kind, began, Word(word, began))
    outcomes = run.outcomes(most_ms / 1000)
    # The environment may end at once now, but not before it is said what was done.
    signal(SIGTERM, SIG_IGN)
    run.word.say()
    for outcome in outcomes:
        run.report(outcome)
    signal(SIGTERM, SIG_DFL)
    if run.sandbox is not None:
        _afterwards(run.sandbox, run.found)


class _Ended(BaseException):
    """The environment ends before we do."""


class _Run:
    """One start, as far as it came."""

    def __init__(
        self, environ: Mapping[str, str], kind: str | None, began: float, word: Word
    ) -> None:
        self._environ = environ
        self._kind = kind
        self._began = began
        self.word = word
        self.sandbox: Sandbox | None = None
        self.found: Found = []

    def outcomes(self, most: float) -> list[Outcome]:
        """What was done, or why nothing was; never raises an error of ours or of Python's."""
        try:
            return self._warm(most)
        except PrefixwarmError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - the function comes first
            reason = cause(error)
        except _Ended:
            if self.found:
                return [_unanswered(item) for item in self.found]
            reason = "the environment ended before a call was sent"
        return [Outcome(name="", kind=FAILED, reason=reason)]

    def _warm(self, most: float) -> list[Outcome]:
        settings = Settings.from_environment(self._environ)
        start = start_of(settings, self._kind, most)
        if start.refusal:
            return [Outcome(name="", kind=SKIPPED, reason=start.refusal)]
        self.sandbox = Sandbox.of(self._environ, settings, start, self._began, self.word)
        self.found = attached(self.sandbox)
        return warm_all(self.found, self.sandbox)

    def report(self, outcome: Outcome) -> None:
        """One line of the log."""
        decision = self.sandbox.decisions.get(outcome.name) if self.sandbox else None
        held = min(self.word.held, self.sandbox.start.hold) if self.sandbox else self.word.held
        text = line(
            outcome,
            by="init",
            now=time(),
            service=self._environ.get("PREFIXWARM_DEPLOYMENT", ""),
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


def _afterwards(sandbox: Sandbox, found: Found) -> None:
    _join(sandbox)
    if sandbox.start.kind == MANAGED:
        from prefixwarm_extension.managed import keep_warm

        keep_warm(sandbox, [item for item in found if not isinstance(item, PrefixwarmError)])


def _join(sandbox: Sandbox) -> None:
    """Let the keep-warm function know whose metric to ask, and that this version is in use.

    Once in a function's life, and once in some minutes where requests wait for the starts.
    """
    if sandbox.store is None or not sandbox.function:
        return
    for key, state in sandbox.seen.items():
        told = not sandbox.start.awaited or time() - (state.started_at or 0.0) < START_EVERY
        if sandbox.function in state.functions and told:
            continue
        started = time() if sandbox.start.awaited else None
        try:
            sandbox.store.join(key, sandbox.function, Deadline.after(1.0), started)
        except StateError:
            return
