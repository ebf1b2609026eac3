"""Keeps a failure of one prefix from affecting the others."""

from __future__ import annotations

from dataclasses import dataclass
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


# How soon to retry a prefix whose file or state cannot be used.
BROKEN_SECONDS = 600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Isolation:
    """Runs work per prefix; thread-safe.

    Attributes
    ----------
    report : TickReport
        Receives a failed outcome for each prefix set aside, which triggers the alarm.
    """

    store: StateStore
    report: TickReport
    deadline: Deadline
    clock: Callable[[], float]

    def run(self, state: State, work: Callable[[], T]) -> T | None:
        """Return the work's result; if it fails, set the prefix aside for a while and return None.

        Raises
        ------
        StateError
            The table failed, which affects every prefix.
        """
        try:
            return work()
        except Exception as error:
            if isinstance(error, StateError) and not isinstance(error, StateItemError):
                raise
            failed = Outcome(
                name=state.name, kind=FAILED, reason=describe(error), started_at=self.clock()
            )
        self.report.outcomes.append(failed)
        self.set_aside(state.key, failed.reason)
        return None

    def set_aside(self, key: str, reason: str) -> None:
        """Postpone the next check of this state, with the reason."""
        logger.error("set aside; the others are kept warm", key=key, why=reason)
        if key:
            now = self.clock()
            check = Check(at=now, due_at=now + BROKEN_SECONDS, reason=f"set aside: {reason}")
            self.store.record_check(key, check, self.deadline)
