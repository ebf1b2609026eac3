"""A user's policy: a rule and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import SettingsError
from prefixwarm.life import TTL_1H, TTL_5M, TTL_SECONDS, refresh_after
from prefixwarm.policy.calendar import WEEKDAYS, Calendar, Hours
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable


RULES = ("auto", "ski", "hazard", "always", "never")

_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?")


@dataclass(frozen=True)
class Policy:
    """A rule and its limits.

    Attributes
    ----------
    rule : str
        ``auto``, ``ski``, ``hazard``, ``always`` or ``never``.
    ttl : int or None
        The TTL of writes, 300 or 3600 seconds, overriding the rule.
    interval : float or None
        Seconds from a use of the entry to its refresh; None for the TTL's default.
    hours : Hours or None
        Nothing is sent outside these hours.
    before : tuple of (Calendar, int)
        Be warm by these minutes of the calendar's days, whatever the rule decides.
    """

    rule: str = "auto"
    ttl: int | None = None
    interval: float | None = None
    hours: Hours | None = None
    before: tuple[tuple[Calendar, int], ...] = ()

    def __post_init__(self) -> None:
        """Validate the fields.

        Raises
        ------
        SettingsError
            The rule or TTL is unknown, or the interval makes each refresh a write.
        """
        if not isinstance(self.rule, str) or self.rule not in RULES:
            raise SettingsError(f"rule {self.rule!r} is unknown; write one of {', '.join(RULES)}")
        if self.ttl not in (None, TTL_5M, TTL_1H):
            raise SettingsError(f"ttl {self.ttl!r}: write 5m or 1h")
        longest = self.ttl or TTL_1H
        if self.interval is not None and not _within(self.interval, longest):
            raise SettingsError(
                f"interval {self.interval!r}: write seconds above 0 and below the TTL of "
                f"{longest}; from there on each refresh would be a write"
            )

    def refresh_after(self, ttl: int) -> float:
        """Seconds from a use of an entry with this TTL to its refresh."""
        if self.interval is not None and self.interval < ttl:
            return self.interval
        return refresh_after(ttl)

    @classmethod
    def of(cls, value: str | Policy | Mapping[str, Any]) -> Policy:
        """Read a rule's name, or a JSON object.

        Keys: ``rule``, ``ttl`` (``5m``, ``1h``), ``interval`` (seconds), ``hours``
        (``08:00-20:00``), ``before`` (``08:55``, or a list), and for these two ``timezone``,
        ``weekdays`` (``mon-fri``, or a list) and ``holidays`` (ISO dates).

        Raises
        ------
        SettingsError
            The value is invalid.
        """
        if isinstance(value, Policy):
            return value
        if isinstance(value, str):
            return cls(rule=value)
        if not isinstance(value, Mapping):
            raise SettingsError(f"policy {value!r}: write a rule's name or an object")
        try:
            return cls._from_options(dict(value))
        except (TypeError, AttributeError, OverflowError) as error:
            raise SettingsError(
                f"policy {printable(repr(value), 200)}: a value is of the wrong type"
            ) from error

    @classmethod
    def _from_options(cls, options: dict[str, Any]) -> Policy:
        calendar = Calendar(
            timezone=options.pop("timezone", "UTC"),
            weekdays=_weekdays(options.pop("weekdays", list(WEEKDAYS))),
            holidays=frozenset(map(_day, options.pop("holidays", ()))),
        )
        parsed = {key: _reader(key)(text, calendar) for key, text in options.items()}
        return cls(**parsed)


def _within(value: object, limit: float) -> bool:
    return isinstance(value, (int, float)) and 0 < value < limit


def _reader(key: str) -> Callable[[Any, Calendar], Any]:
    readers: dict[str, Callable[[Any, Calendar], Any]] = {
        "rule": lambda text, _: str(text),
        "ttl": lambda text, _: TTL_SECONDS.get(text, -1) if text is not None else None,
        "interval": lambda seconds, _: seconds,
        "hours": _hours,
        "before": _before,
    }
    if key not in readers:
        options = ", ".join([*readers, "timezone", "weekdays", "holidays"])
        raise SettingsError(f"policy: {key!r} is unknown; known are {options}")
    return readers[key]


def _hours(text: str | None, calendar: Calendar) -> Hours | None:
    if text is None:
        return None
    start, dash, end = str(text).partition("-")
    if not dash:
        raise SettingsError(f"hours {text!r}: write such as 08:00-20:00")
    return Hours(calendar, minute_of_day(start), minute_of_day(end))


def _before(times: str | list[str] | None, calendar: Calendar) -> tuple[tuple[Calendar, int], ...]:
    listed = [times] if isinstance(times, str) else times or []
    return tuple((calendar, minute_of_day(text)) for text in listed)


def minute_of_day(text: str) -> int:
    """Minutes after midnight of ``8``, ``08`` or ``08:55``; ``24`` is the day's end.

    Raises
    ------
    SettingsError
        It is not a time of day.
    """
    match = _TIME.fullmatch(text.strip())
    minute = int(match[1]) * 60 + int(match[2] or 0) if match else -1
    if not 0 <= minute <= 24 * 60 or (match and int(match[2] or 0) > 59):
        raise SettingsError(f"time {text!r}: write such as 08:55")
    return minute


def _weekdays(value: str | list[str]) -> frozenset[int]:
    spans = value.split(",") if isinstance(value, str) else value
    if not isinstance(spans, (list, tuple)):
        raise SettingsError(f"weekdays {value!r}: write such as mon-fri")
    days: set[int] = set()
    for span in spans:
        first, _, last = str(span).strip().lower().partition("-")
        start, end = _weekday(first), _weekday(last or first)
        days.update((start + i) % 7 for i in range((end - start) % 7 + 1))
    return frozenset(days)


def _weekday(text: str) -> int:
    if text not in WEEKDAYS:
        raise SettingsError(f"weekday {text!r}: write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"holiday {text!r}: write such as 2026-12-25") from error
