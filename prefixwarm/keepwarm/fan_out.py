"""Hands calls that exceed one tick over to workers, through SQS."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.calls import START_SECONDS
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.queue import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.queue import Queue
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.policy import Action
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline


# The seconds after which a message expires.
USEFUL_SECONDS = 90.0

# The prefix becomes due again this long after that; more than clocks may differ.
_SKEW_SECONDS = 5.0

# Or sooner: one tick before the entry's end, so that a lost message can be made up for; but not
# before the message had some time.
_SPARE_SECONDS = 70.0
_LEAST_SECONDS = 20.0

# The year 5138.
_LATEST = 1e11
_TEXTS = ("key", "name", "action", "reason")
_ACTIONS = ("refresh", "write")


@dataclass(frozen=True)
class Message:
    """One call to be made by a worker; times are epoch seconds.

    Attributes
    ----------
    key, name : str
        The warm state's key, and the prefix's name.
    action, reason : str
        The decision: ``refresh`` or ``write``, and why.
    decided_at, latest_start : float
        When it was decided, and when the call expires.
    warm_until : float
        The entry's end at the decision; if it is later now, another caller has been faster.
    """

    key: str
    name: str
    action: Action
    reason: str
    decided_at: float
    latest_start: float
    warm_until: float

    @classmethod
    def of(cls, planned: PlannedCall, now: float) -> Message:
        """The message for a planned call."""
        options, end = planned.options(), now + USEFUL_SECONDS
        return cls(
            key=options.key,
            name=planned.candidate.entry.name,
            action=planned.decision.action,
            reason=planned.decision.reason,
            decided_at=now,
            latest_start=end if options.latest_start is None else min(end, options.latest_start),
            warm_until=options.needed_until,
        )

    @classmethod
    def parse(cls, text: str) -> Message:
        """Read a message's text.

        Raises
        ------
        ValueError
            The text is not a message.
        """
        try:
            document = json.loads(text)
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error
        if not isinstance(document, dict) or set(document) != {field.name for field in fields(cls)}:
            raise ValueError("a message has the fields " + ", ".join(f.name for f in fields(cls)))
        for name, value in document.items():
            kind = str if name in _TEXTS else (int, float)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"{name}: {value!r}")
            if isinstance(value, (int, float)) and not -_LATEST < value < _LATEST:
                raise ValueError(f"{name}: {value!r} is not a time")
        if document["action"] not in _ACTIONS:
            raise ValueError(f"action: {document['action']!r}")
        return cls(**document)

    @property
    def text(self) -> str:
        """The message as sent: a few hundred bytes, never prompt text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def due_at(self) -> float:
        """When the prefix is checked again, unless the worker changes that.

        If the message is still in transit then, the state prevents a second call.
        """
        sooner = self.warm_until - _SPARE_SECONDS
        if sooner < self.decided_at + _LEAST_SECONDS:
            sooner = self.latest_start
        return min(self.latest_start, sooner) + _SKEW_SECONDS


@dataclass(frozen=True)
class Dispatcher:
    """Hands over the calls beyond one tick.

    Attributes
    ----------
    queue : Queue or None
        Receives the messages; None if a tick makes all calls itself.
    most : int
        The most calls that a tick makes itself.
    """

    store: StateStore
    queue: Queue | None
    report: TickReport
    deadline: Deadline
    clock: Callable[[], float]
    most: int

    def beyond(self, planned_calls: Sequence[PlannedCall], pool: Executor) -> Sequence[PlannedCall]:
        """Hand over all but the first `most` calls; return those, or all without a queue."""
        queue = self.queue
        if queue is None:
            return planned_calls
        rest = planned_calls[self.most :]
        batches = [rest[at : at + BATCH_SIZE] for at in range(0, len(rest), BATCH_SIZE)]
        self.report.queued += sum(pool.map(lambda batch: self._hand_over(batch, queue), batches))
        if self.report.queue_error:
            logger.error("not all could be queued: it stays due", why=self.report.queue_error)
        return planned_calls[: self.most]

    def _hand_over(self, planned_calls: Sequence[PlannedCall], queue: Queue) -> int:
        """Postpone the checks before sending, because a worker may be faster than this tick."""
        if self.deadline.remaining() < START_SECONDS:
            return 0
        now = self.clock()
        messages = [Message.of(planned, now) for planned in planned_calls]
        for planned, message in zip(planned_calls, messages, strict=True):
            if account := planned.candidate.account(now):
                self.store.note_account(message.key, account, self.deadline)
            self._check(planned, message.due_at, f"queued: {message.reason}")
        refused = queue.send([message.text for message in messages])
        for position, why in refused.items():
            self.report.queue_error = why
            planned = planned_calls[position]
            self._check(planned, now, f"could not be queued: {why}")
        return len(planned_calls) - len(refused)

    def _check(self, planned: PlannedCall, due_at: float, reason: str) -> None:
        check = planned.check(self.clock()).replace(due_at=due_at, reason=reason)
        self.store.record_check(planned.candidate.state.key, check, self.deadline)
