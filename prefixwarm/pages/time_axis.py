"""A time axis: days and hours of a time zone, or the time since the beginning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prefixwarm.pages.drawing import line, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from prefixwarm.pages.drawing import Frame

HEIGHT = 38
_DAY, _HOUR = 86_400.0, 3600.0
_STEPS = (1, 2, 3, 6, 12)
_HOUR_WIDTH = 46
# What lies between an axis and the right edge of its drawing.
_MARGIN = 16
# From this width on a day has room for its name and date, its date, its number, its name.
_WHOLE_WIDTH, _DATE_WIDTH, _NUMBER_WIDTH, _NAME_WIDTH = 76, 42, 20, 30


@dataclass(frozen=True)
class TimeAxis:
    """Seconds to places.

    Attributes
    ----------
    start, end : float
        Epoch seconds, or seconds from any origin where there is no `zone`.
    left, width : float
        Where it lies in the drawing.
    zone : tzinfo or None
        Whose days and hours stand there; None for the time since `start`.
    is_week : bool
        Whether days of the week stand there instead of dates, as for random requests.
    """

    start: float
    end: float
    left: float
    width: float
    zone: tzinfo | None = None
    is_week: bool = False

    def x(self, at: float) -> float:
        """The place of a time; what is later than the end is at the end."""
        share = (min(at, self.end) - self.start) / (self.end - self.start)
        return round(self.left + share * self.width, 1)

    def parts(self, bottom: float) -> Iterator[str]:
        """Days above hours, and a line for each down to `bottom`."""
        for start, end, day in self._days():
            width = self.x(end) - self.x(start)
            if start > self.start:
                yield line(f"M{self.x(start)} {HEIGHT - 6}V{bottom:g}", "day")
            if name := self._day_name(day, width):
                yield text(self.x(start) + width / 2, 14, name, "middle")
        step = self._step()
        for at, hours in self._hours(step) if step else ():
            yield line(f"M{self.x(at)} {HEIGHT - 6}V{bottom:g}", "hour")
            yield text(self.x(at), HEIGHT - 9, hours, "middle soft")

    def described(self) -> str:
        """From when until when, in words; empty where there are no dates."""
        if self.zone is None or self.is_week:
            return ""
        first, last = (datetime.fromtimestamp(at, self.zone) for at in (self.start, self.end))
        times = (f"{at:%a} {at.day} {at:%b %Y, %H:%M}" for at in (first, last))
        return f"from {' to '.join(times)} ({self.zone})"

    def _days(self) -> Iterator[tuple[float, float, datetime | int]]:
        """The visible part of each day, with its date or its number."""
        if self.zone is None:
            for number in range(int((self.end - self.start) // _DAY) + 1):
                start = self.start + number * _DAY
                if start < self.end:
                    yield start, min(start + _DAY, self.end), number + 1
            return
        day = self._local(self.start).replace(hour=0, minute=0, second=0, microsecond=0)
        while day.timestamp() < self.end:
            following = day + timedelta(days=1)
            start, end = max(day.timestamp(), self.start), min(following.timestamp(), self.end)
            if start < end:
                yield start, end, day
            day = following

    def _day_name(self, day: datetime | int, width: float) -> str:
        """The longest form that has room."""
        if isinstance(day, int):
            forms = {_DATE_WIDTH: f"day {day}", _NUMBER_WIDTH: f"{day}"}
        elif self.is_week:
            forms = {_NAME_WIDTH: f"{day:%a}"}
        else:
            date = f"{day.day} {day:%b}"
            forms = {
                _WHOLE_WIDTH: f"{day:%a} {date}",
                _DATE_WIDTH: date,
                _NUMBER_WIDTH: f"{day.day}",
            }
        return next((name for least, name in forms.items() if width >= least), "")

    def _step(self) -> int | None:
        """Hours from label to label, if there is room for any."""
        width = self.width / (self.end - self.start) * _HOUR
        return next((step for step in _STEPS if step * width >= _HOUR_WIDTH), None)

    def _hours(self, step: int) -> Iterator[tuple[float, str]]:
        for start, end, day in self._days():
            for hour in range(0, 24, step):
                if isinstance(day, int):
                    at, label = self.start + (day - 1) * _DAY + hour * _HOUR, f"+{hour} h"
                else:
                    at, label = day.replace(hour=hour).timestamp(), f"{hour:02}:00"
                    if self._local(at).hour != hour:
                        continue  # The clock is put forward over it.
                if start <= at < end and self._has_room(at):
                    yield at, label

    def _has_room(self, at: float) -> bool:
        """Whether a label in the middle of this place stays within the drawing."""
        half = _HOUR_WIDTH / 2
        return half <= self.x(at) <= self.left + self.width + _MARGIN - half

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self.zone)


def axis_frame(frame: Frame, names: float) -> tuple[float, float]:
    """Left edge and width of what is drawn: beside names of such a width, or under them."""
    left = 8 if frame.is_phone else names
    return left, frame.width - left - _MARGIN
