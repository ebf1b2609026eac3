"""Asks all questions in the order in which their answers help each other."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.errors import ConnectError, TransportError
from prefixwarm.verify.provider_questions import key_questions, reply_questions, time_questions
from prefixwarm.verify.provider_questions.provider_caller import UnansweredError
from prefixwarm.verify.provider_questions.question import Conclusion
from prefixwarm.verify.provider_questions.spending import CapReachedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prefixwarm.verify.provider_questions.provider_caller import Caller
    from prefixwarm.verify.provider_questions.question import Question, Steps

QUESTIONS: tuple[Question, ...] = (
    *reply_questions.QUESTIONS,
    *key_questions.QUESTIONS,
    *time_questions.QUESTIONS,
)
_STAGES = (0, 1, 2)


@dataclass(frozen=True)
class Asked:
    """A question with what came of it, or why it was not asked."""

    question: Question
    conclusion: Conclusion | None
    skipped: str = ""


class QuestionRun:
    """One run over the questions.

    Parameters
    ----------
    caller
        Sends them.
    slow
        Whether to ask those that wait for an entry to end: eight minutes in all.
    progress
        Is told each question when it begins.
    """

    def __init__(
        self, caller: Caller, *, slow: bool, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self.asked: list[Asked] = []
        self._caller = caller
        self._slow = slow
        self._progress = progress
        self._uncached = ""
        self._stopped = ""

    def all(self) -> list[Asked]:
        """Ask every question that can be asked.

        Raises
        ------
        CredentialsError
            The provider refuses the credentials.
        UsageError
            The provider does not know the model.
        ConnectError
            The provider cannot be reached.
        """
        for stage in _STAGES:
            self._ask(question for question in QUESTIONS if question.stage == stage)
            self._learn()
        order = {question.switch: place for place, question in enumerate(QUESTIONS)}
        self.asked.sort(key=lambda one: order[one.question.switch])
        return self.asked

    def _ask(self, questions: Iterable[Question]) -> None:
        """Ask some together: one goes on while others wait."""
        tie = count()
        waiting: list[tuple[float, int, Question, Steps]] = []
        for question in questions:
            if why := self._why_not(question):
                self.asked.append(Asked(question, None, why))
            else:
                steps = question.steps(self._caller)
                waiting.append((self._caller.clock.now(), next(tie), question, steps))
        heapq.heapify(waiting)
        begun: set[str] = set()
        while waiting:
            due, _, question, steps = heapq.heappop(waiting)
            if question.switch not in begun:
                begun.add(question.switch)
                self._progress(question.text)
            self._caller.clock.wait(max(0.0, due - self._caller.clock.now()))
            for seconds in self._advanced(question, steps):
                resume = self._caller.clock.now() + seconds
                heapq.heappush(waiting, (resume, next(tie), question, steps))

    def _advanced(self, question: Question, steps: Steps) -> Iterator[float]:
        """Yield how long a question waits now; nothing where it has ended."""
        if self._stopped:
            self.asked.append(Asked(question, None, self._stopped))
            return
        try:
            yield next(steps)
        except StopIteration as end:
            self.asked.append(Asked(question, end.value))
        except CapReachedError:
            self._stopped = (
                f"the cap of {dollars(float(self._caller.spending.cap))} would be passed"
            )
            self.asked.append(Asked(question, None, self._stopped))
        except TransportError as error:
            if isinstance(error, ConnectError) and not self.asked:
                raise  # what the first question cannot reach, the others cannot either
            self.asked.append(Asked(question, Conclusion(f"no reply: {error}")))
        except UnansweredError as error:
            self.asked.append(Asked(question, Conclusion(str(error))))

    def _why_not(self, question: Question) -> str:
        if self._stopped:
            return self._stopped
        if self._caller.route not in question.routes:
            return f"it cannot be asked on the route {self._caller.route}"
        if question.needs_cache and self._uncached:
            return self._uncached
        if question.is_slow and not self._slow:
            return "it waits for an entry to end: --slow"
        if question.needs_second and not self._caller.has_second:
            return "it needs a second workspace: see --help"
        return ""

    def _learn(self) -> None:
        """What the later questions go by."""
        values = {one.question.switch: one.conclusion for one in self.asked if one.conclusion}
        caching = values.get("ignore_markers")
        if caching is not None and caching.value is not False:
            open_ = "whether anything is cached stayed open"
            self._uncached = "nothing is cached" if caching.value else open_
        if (settle := values.get("settle")) is not None and isinstance(settle.value, float):
            self._caller.pause = max(self._caller.pause, 2 * settle.value)
