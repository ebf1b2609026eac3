"""A worker's batch: makes the calls of its messages or drops them."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError, StateItemError
from prefixwarm.keepwarm.budget import RECORD_SECONDS
from prefixwarm.keepwarm.fan_out import Message
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.policy import Decision
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.outcome import FAILED
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.keepwarm.call_maker import CallMaker
    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.tick_report import TickReport


class HeldBackError(Exception):
    """A call was not attempted, for lack of time or a failed state; try again."""


@dataclass(frozen=True)
class Batch:
    """One batch; thread-safe.

    The tick has decided. The batch checks what may have changed since: the call may be too late,
    done already, removed, held back, paused, or no longer affordable. Then the message is dropped;
    its prefix becomes due again by itself.

    Attributes
    ----------
    report : TickReport
        Receives what was done.
    """

    dependencies: Dependencies
    calls: CallMaker
    deadline: Deadline
    report: TickReport
    _lock: Lock = field(default_factory=Lock)

    def work(self, text: str) -> None:
        """Make a message's call, or drop the message.

        Raises
        ------
        StateError, HeldBackError
            Another try may help.
        """
        try:
            message = Message.parse(text)
        except ValueError as error:
            self._drop("unknown", f"not a message of this version: {error}")
            return
        try:
            self._work(message)
        except StateError as error:
            self.report.state_error = str(error)
            raise

    def _work(self, message: Message) -> None:
        candidate, why = self._candidate(message)
        if candidate is None:
            self._drop(message.name, why)
            return
        ttl = candidate.state.last_decision.wanted_ttl or candidate.call.ttl
        planned = PlannedCall(candidate, Decision(message.action, None, ttl, message.reason))
        if pause := self.calls.pause(candidate.call.route):
            self._due_again(candidate, pause)
            self._drop(message.name, pause)
        elif why := self._unaffordable(planned):
            self._drop(message.name, why)
        else:
            self._send(planned)

    def _send(self, planned: PlannedCall) -> None:
        outcome = self.calls.sender.one(planned)
        if outcome is None:
            raise HeldBackError("held back while it waited for its turn")
        if outcome.kind == FAILED:
            self._due_again(planned.candidate, outcome.reason)

    def _candidate(self, message: Message) -> tuple[Candidate | None, str]:
        if self.dependencies.clock() > message.latest_start:
            return None, "too late"
        try:
            state = self.dependencies.store.read(message.key, self.deadline)
        except StateItemError as error:
            return None, str(error)
        if (state.life.warm_until or 0.0) > message.warm_until:
            return None, "another caller has warmed it"
        why = "in flight, held back, or no longer in the manifest"
        return self.calls.selector.candidate(state), why

    def _unaffordable(self, planned: PlannedCall) -> str:
        candidate = planned.candidate
        with self._lock:
            left = self.calls.budget.left(candidate.state.key, candidate.entry, self.deadline)
            cost = candidate.cost_usd(self.dependencies.clock(), planned.decision.ttl)
            if left is not None and (cost is None or cost > left):
                self.report.budget_reached += 1
                return "the budget is used up"
            self.calls.budget.deduct(cost)
        return ""

    def _due_again(self, candidate: Candidate, why: str) -> None:
        """Make the prefix due at the next tick, while the entry may still be alive.

        The tick itself waits for the end of a pause or back-off.
        """
        now, key = self.dependencies.clock(), candidate.state.key
        check = Check(at=now, due_at=now, reason=why)
        self.dependencies.store.record_check(key, check, Deadline.after(RECORD_SECONDS))

    def _drop(self, name: str, why: str) -> None:
        with self._lock:
            self.report.dropped += 1
        logger.warning("message dropped", prefix=name, why=why)
