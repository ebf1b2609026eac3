"""Parses a request to the keep-warm function (an *ask*), and builds its reply.

Besides EventBridge's ticks, the function accepts
``{"warm": ["support"], "wait": true, "needed_for_seconds": 300}`` from any permitted caller, and
the same object as the detail of an event with the source ``prefixwarm.ask``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.life import TTL_1H
from prefixwarm.safe_text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.state.outcome import Outcome


# The source of EventBridge events that ask.
SOURCE = "prefixwarm.ask"

# The most prefixes that one execution environment loads.
MOST_NAMES = 20

# What a start needs, plus a little time for its user to begin.
NEEDED_SECONDS = 60.0

_FIELDS = ("warm", "wait", "needed_for_seconds", "function", "usd_per_week")
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_FUNCTION = re.compile(r"[A-Za-z0-9_-]{0,64}")
_EXAMPLE = '{"warm": ["support"]}'


@dataclass(frozen=True)
class AskEvent:
    """A request to warm prefixes.

    Attributes
    ----------
    names : tuple of str
        Distinct names of prefixes.
    wait : bool
        Whether to wait for another caller's call.
    needed_for_seconds : float
        Nothing is sent for an entry that lives longer than this.
    function : str
        The Lambda function whose invocations send the prefixes, or "".
    usd_per_week : float or None
        The caller's weekly limit in US dollars for an unobserved prefix; None for the keep-warm
        function's limit, which applies in any case.
    """

    names: tuple[str, ...]
    wait: bool = True
    needed_for_seconds: float = NEEDED_SECONDS
    function: str = ""
    usd_per_week: float | None = None

    @classmethod
    def of(cls, event: object) -> AskEvent | None:
        """Read the function's event; return None for a tick.

        Raises
        ------
        UsageError
            The event is invalid; the message names the field and what to write.
        """
        if not isinstance(event, Mapping):
            raise UsageError(f"the event is not an object; write {_EXAMPLE}")
        if event.get("source") == SOURCE:
            return cls._parsed(event.get("detail"), waits=False)
        if "source" in event or not event:
            return None
        return cls._parsed(event, waits=True)

    @classmethod
    def _parsed(cls, document: object, *, waits: bool) -> AskEvent:
        """Parse an ask; `waits`: whether the caller receives the answer."""
        if not isinstance(document, Mapping):
            raise UsageError(f"detail: is not an object; write {_EXAMPLE}")
        for field in document:
            if field not in _FIELDS:
                fields = ", ".join(_FIELDS)
                raise UsageError(
                    f"{quoted(str(field))}: is not a field of an ask; the fields are {fields}"
                )
        wait = document.get("wait", True)
        if not isinstance(wait, bool):
            raise UsageError(f"wait: {quoted(str(wait))}: write true or false")
        names, needed = _names(document.get("warm")), _needed(document)
        function = _function(document.get("function", ""))
        # Anybody on the bus may send an event, so it cannot declare which function sends the
        # prefix.
        sender = function if waits else ""
        return cls(names, wait and waits, needed, sender, _dollars(document))


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UsageError(f"warm: is not a list of prefix names; write {_EXAMPLE}")
    for name in value:
        if not isinstance(name, str) or not name:
            raise UsageError(f"warm: {quoted(str(name))}: is not a name; write {_EXAMPLE}")
    names = tuple(dict.fromkeys(value))
    if len(names) > MOST_NAMES:
        raise UsageError(f"warm: {len(names)} names; ask for at most {MOST_NAMES} at once")
    return names


def _needed(document: Mapping[str, Any]) -> float:
    seconds = document.get("needed_for_seconds", NEEDED_SECONDS)
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 <= seconds <= TTL_1H:
        problem = f"write seconds from 0 to {TTL_1H}"
        raise UsageError(f"needed_for_seconds: {quoted(str(seconds))}: {problem}")
    return float(seconds)


def _dollars(document: Mapping[str, Any]) -> float | None:
    usd = document.get("usd_per_week")
    number = isinstance(usd, (int, float)) and not isinstance(usd, bool)
    if usd is None or (number and 0 <= usd < 1e6):
        return usd
    raise UsageError(f"usd_per_week: {quoted(str(usd))}: write US dollars, 0 or more")


def _function(name: object) -> str:
    if not isinstance(name, str) or not _FUNCTION.fullmatch(name):
        raise UsageError(f"function: {quoted(str(name))}: write the name of a Lambda function")
    return name


def answer(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The reply: one outcome per name, in the order of the ask."""
    return {
        "outcomes": [
            {
                "name": outcome.name,
                "outcome": outcome.kind,
                "reason": outcome.reason,
                "warm_until": outcome.warm_until,
                "cost_usd": outcome.cost_usd if outcome.calls else 0.0,
            }
            for outcome in outcomes
        ]
    }


def refused(error: Exception) -> dict[str, Any]:
    """The reply if nothing could be done: no outcomes, and the reason."""
    return {"outcomes": [], "error": {"type": type(error).__name__, "message": str(error)}}
