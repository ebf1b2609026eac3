"""Active days and hours in a time zone, and times by which a prefix must be warm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefixwarm.errors import SettingsError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_YEAR = 366


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    SettingsError
        There is no such zone, or this machine has no time zone data.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise SettingsError(
            f"time zone {name!r} is unknown here; write an IANA name such as Europe/Paris"
        ) from error


@dataclass(frozen=True)
class Calendar:
    """The active days, in one time zone.

    Attributes
    ----------
    timezone : str
        IANA name.
    weekdays : frozenset of int
        0 is Monday.
    holidays : frozenset of date
        Days to leave out although their weekday is active.
    """

    timezone: str = "UTC"
    weekdays: frozenset[int] = frozenset(range(7))
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Validate the fields.

        Raises
        ------
        SettingsError
            The time zone is unknown, or no weekday is left.
        """
        zone(self.timezone)
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise SettingsError(f"weekdays: write at least one of {', '.join(WEEKDAYS)}")

    def local(self, at: float) -> datetime:
        """Epoch seconds as a local time."""
        return datetime.fromtimestamp(at, zone(self.timezone))

    def includes(self, day: date) -> bool:
        """Whether the day is active."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def epoch(self, day: date, minute: int) -> float:
        """Epoch seconds of a minute of a local day.

        A time skipped by daylight saving is computed as before the change; a repeated time is its
        first occurrence.
        """
        day += timedelta(days=minute // _DAY)
        hour, minute = divmod(minute % _DAY, 60)
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone(self.timezone))
        return local.timestamp()

    def next(self, minute: int, after: float) -> float | None:
        """Epoch seconds of the next occurrence of a minute on an active day, within a year."""
        day = self.local(after).date()
        for offset in range(_YEAR):
            candidate = day + timedelta(days=offset)
            if self.includes(candidate) and (moment := self.epoch(candidate, minute)) > after:
                return moment
        return None


@dataclass(frozen=True)
class Hours:
    """The active hours of active days; an end before the start is on the next day.

    Attributes
    ----------
    calendar : Calendar
        The days on which the hours start.
    start, end : int
        Minutes after local midnight; the end is exclusive, and may be 1440.
    """

    calendar: Calendar
    start: int = 0
    end: int = _DAY

    def __post_init__(self) -> None:
        """Validate the fields.

        Raises
        ------
        SettingsError
            The hours are not times of a day, or are empty.
        """
        if not (0 <= self.start < _DAY and 0 <= self.end <= _DAY and self.start != self.end):
            raise SettingsError("hours: write two different times of a day, such as 08:00-20:00")

    @property
    def _length(self) -> int:
        return (self.end - self.start) % _DAY or _DAY

    def closes(self, at: float) -> float | None:
        """Epoch seconds when the current active hours end; None outside them."""
        today = self.calendar.local(at).date()
        for day in (today - timedelta(days=1), today):
            if self.calendar.includes(day):
                start = self.calendar.epoch(day, self.start)
                end = self.calendar.epoch(day, self.start + self._length)
                if start <= at < end:
                    return end
        return None

    def opens(self, after: float) -> float | None:
        """Epoch seconds when active hours next start; None if not within a year."""
        return self.calendar.next(self.start, after)
