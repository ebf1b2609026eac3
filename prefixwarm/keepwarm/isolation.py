"""What goes wrong with one prefix stays with that prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from prefixwarm.errors import StateError, StateItemError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.outcome import FAILED, Outcome
from prefixwarm.warm.error_classification import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


# How soon a prefix is tried again whose file or state cannot be used.
BROKEN_SECONDS = 600.0

T = TypeVar("T")


class Isolation:
    """Runs the work of one prefix after the other; safe between threads.

    Parameters
    ----------
    report
        Is given a failed outcome for each prefix that was set aside, and so the alarm its cause.
    """

    def __init__(
        self,
        store: StateStore,
        report: TickReport,
        deadline: Deadline,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._report = report
        self._deadline = deadline
        self._clock = clock

    def run(self, state: State, work: Callable[[], T]) -> T | None:
        """The work's result; None where it failed: then this prefix is set aside for a while.

        Raises
        ------
        StateError
            When the table is the cause, which is every prefix's.
        """
        try:
            return work()
        except Exception as error:
            if isinstance(error, StateError) and not isinstance(error, StateItemError):
                raise
            failed = Outcome(
                name=state.name, kind=FAILED, reason=describe(error), started_at=self._clock()
            )
        self._report.outcomes.append(failed)
        self.set_aside(state.key, failed.reason)
        return None

    def set_aside(self, key: str, reason: str) -> None:
        """Put the next check of this state off, and say why."""
        logger.error("set aside; the others are kept warm", key=key, why=reason)
        if key:
            now = self._clock()
            check = Check(at=now, due_at=now + BROKEN_SECONDS, reason=f"set aside: {reason}")
            self._store.record_check(key, check, self._deadline)
