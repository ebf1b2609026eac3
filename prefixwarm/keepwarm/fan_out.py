"""The fan-out: what one tick does not do itself is handed over to workers, by SQS."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.calls import START_SECONDS
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.queue import BATCH_SIZE
from prefixwarm.prefix.manifest import MOST_IN_A_TICK
from prefixwarm.state.keepwarm_model import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.planned_call import PlannedCall
    from prefixwarm.keepwarm.queue import Queue
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.policy import Action
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline


# A message is worth nothing later than this.
USEFUL_SECONDS = 90.0

# Its prefix is due again so long after that, which is more than clocks are apart.
_SKEW_SECONDS = 5.0

# Or sooner, so long before the entry's end that one more tick can make good what was lost; but not
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
        Of the warm state, and of the prefix.
    action, reason : str
        The decision: ``refresh`` or ``write``, and why.
    decided_at, latest_start : float
        When it was decided, and after which moment it is worth nothing.
    warm_until : float
        The entry's life as it was decided upon: when it lives longer, somebody was here before.
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
        """What a worker must know of a planned call."""
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
            When it is none.
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
                raise ValueError(f"{name}: {value!r} is no time")
        if document["action"] not in _ACTIONS:
            raise ValueError(f"action: {document['action']!r}")
        return cls(**document)

    @property
    def text(self) -> str:
        """As it is sent: a few hundred bytes, never prompt text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def due_at(self) -> float:
        """When the prefix is looked at again unless the worker says otherwise.

        Should the message be under way even then, the state keeps it from a second call.
        """
        sooner = self.warm_until - _SPARE_SECONDS
        if sooner < self.decided_at + _LEAST_SECONDS:
            sooner = self.latest_start
        return min(self.latest_start, sooner) + _SKEW_SECONDS


class Dispatcher:
    """Hands over what is beyond one tick.

    Parameters
    ----------
    queue
        Takes the messages; None where a tick makes all calls itself.
    most
        How many calls a tick makes itself.
    """

    def __init__(
        self,
        store: StateStore,
        queue: Queue | None,
        report: TickReport,
        deadline: Deadline,
        clock: Callable[[], float],
        most: int = MOST_IN_A_TICK,
    ) -> None:
        self._store = store
        self._queue = queue
        self._report = report
        self._deadline = deadline
        self._clock = clock
        self._most = most

    def beyond(self, planned_calls: Sequence[PlannedCall], pool: Executor) -> Sequence[PlannedCall]:
        """Hand over all but the first few hundred; returns those, or all without a queue."""
        queue = self._queue
        if queue is None:
            return planned_calls
        rest = planned_calls[self._most :]
        batches = [rest[at : at + BATCH_SIZE] for at in range(0, len(rest), BATCH_SIZE)]
        self._report.queued += sum(pool.map(lambda batch: self._hand_over(batch, queue), batches))
        if self._report.queue_error:
            logger.error("not all could be queued: it stays due", why=self._report.queue_error)
        return planned_calls[: self._most]

    def _hand_over(self, planned_calls: Sequence[PlannedCall], queue: Queue) -> int:
        """Put the checks off before sending: a worker may be faster than what follows here."""
        if self._deadline.remaining() < START_SECONDS:
            return 0
        now = self._clock()
        messages = [Message.of(planned, now) for planned in planned_calls]
        for planned, message in zip(planned_calls, messages, strict=True):
            if account := planned.candidate.account(now):
                self._store.note_account(message.key, account, self._deadline)
            self._check(planned, message.due_at, f"queued: {message.reason}")
        refused = queue.send([message.text for message in messages])
        for position, why in refused.items():
            self._report.queue_error = why
            planned = planned_calls[position]
            self._check(planned, now, f"could not be queued: {why}")
        return len(planned_calls) - len(refused)

    def _check(self, planned: PlannedCall, due_at: float, reason: str) -> None:
        check = Check(
            at=self._clock(),
            due_at=due_at,
            reason=reason,
            learned=planned.candidate.own_learned_text,
            wanted_ttl=planned.decision.ttl,
        )
        self._store.record_check(planned.candidate.state.key, check, self._deadline)
