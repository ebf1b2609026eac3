"""What the provider did, beside what the simulator assumes: lines, JSON, and switches to set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.settings import Switches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.verify.provider_questions.provider_caller import Caller
    from prefixwarm.verify.provider_questions.question_run import Asked

AGREES, DIFFERS, UNCLEAR, NOT_ASKED = "agrees", "differs", "unclear", "not asked"


@dataclass(frozen=True)
class ReportRow:
    """One question's row; its fields are the keys of the JSON output."""

    switch: str
    question: str
    assumed: bool | float | str
    did: str
    value: bool | float | str | None
    result: str

    @classmethod
    def of(cls, asked: Asked) -> ReportRow:
        """Compare what came of a question with the simulator's default."""
        name = asked.question.switch
        assumed = Switches().public()[name]
        if asked.conclusion is None:
            return cls(name, asked.question.text, assumed, asked.skipped, None, NOT_ASKED)
        value = asked.conclusion.value
        result = UNCLEAR if value is None else AGREES if value == assumed else DIFFERS
        return cls(name, asked.question.text, assumed, asked.conclusion.did, value, result)

    @property
    def to_set(self) -> str:
        """The simulator's option that makes it do the same; empty where it does."""
        if self.result != DIFFERS:
            return ""
        return f"--switch {self.switch}={switch_text(self.value)}"


def switch_text(value: object) -> str:
    """A switch's value as ``--switch`` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def document(rows: Sequence[ReportRow], caller: Caller) -> dict[str, Any]:
    """The JSON output, which ``prefixwarm simulator --switches`` reads."""
    spending = caller.spending
    return {
        "route": caller.route,
        "model": caller.model,
        "asked_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "spent_usd": float(spending.spent),
        "cap_usd": float(spending.cap),
        "questions": [{**vars(row), "set": row.to_set or None} for row in rows],
        "switches": {row.switch: row.value for row in rows if row.value is not None},
    }
