"""Records more than the warm call itself: others' spending, the next check, rewrites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.budget import RECORD_SECONDS, day_of
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.outcome import FAILED, SKIPPED
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


@dataclass(frozen=True)
class LedgerWriter:
    """Writes the ledgers of one tick, and its report's outcomes; thread-safe.

    Attributes
    ----------
    total : str
        The key of the deployment's ledger.
    """

    store: StateStore
    report: TickReport
    total: str
    clock: Callable[[], float]

    def record_outcome(self, planned: PlannedCall, outcome: Outcome) -> None:
        """Log one outcome, and record the prefix's next check.

        Raises
        ------
        StateError
            It cannot be written.
        """
        self.report.outcomes.append(outcome)
        _log(planned, outcome)
        if outcome.ok and outcome.kind != SKIPPED:
            self._record_check(planned, outcome)

    def settle(self, state: State) -> None:
        """Enter others' spending and savings into the ledgers.

        Raises
        ------
        StateError
            It cannot be written.
        """
        now, until = self.clock(), Deadline.after(RECORD_SECONDS)
        settlement = self.store.settle(state, self.total, day_of(now), now, until)
        if settlement:
            self.report.saved_usd += settlement.saved_usd

    def _record_check(self, planned: PlannedCall, outcome: Outcome) -> None:
        candidate, now = planned.candidate, self.clock()
        called = planned.after(outcome)
        check = planned.check_after(outcome, called, now)
        if rewrite_breaker.rewrote(planned.decision.action, outcome):
            self.report.rewrote += 1
            logger.warning(
                "a refresh wrote instead of reading",
                prefix=candidate.entry.name,
                rewrites=rewrite_breaker.count(candidate.state, planned.decision.action, outcome),
                likely_cause=rewrite_breaker.cause(outcome),
                stopped=check.tripped_until is not None,
            )
        key = candidate.state.key
        if account := planned.account_after(called, now):
            self.store.note_account(key, account, Deadline.after(RECORD_SECONDS))
        self.store.record_check(key, check, Deadline.after(RECORD_SECONDS))


def _log(planned: PlannedCall, outcome: Outcome) -> None:
    if outcome.downgraded:
        why = outcome.reason
        logger.warning(
            "one hour is not granted: five minutes from now on", prefix=outcome.name, why=why
        )
    level = logger.error if outcome.kind == FAILED else logger.info
    level(
        f"warm call: {outcome.kind}",
        prefix=outcome.name,
        why=planned.decision.reason,
        result=outcome.reason,
        traffic=planned.candidate.evidence or "none seen",
        cost_usd=outcome.cost_usd,
        seconds=round(outcome.seconds, 3),
        read_tokens=outcome.usage.read if outcome.usage else None,
        write_tokens=outcome.usage.written if outcome.usage else None,
        message_id=outcome.message_id,
    )
