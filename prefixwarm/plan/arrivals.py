"""Reads a plan's requests from a file, or makes them up from a rate."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.errors import UsageError
from prefixwarm.policy.calendar import Calendar, Hours, zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo


DAY = 86_400.0
MOST_PER_HOUR = 3600.0

_MOST_DAYS = 731
# Two million times.
_MOST_BYTES = 64 * 2**20
_COLUMNS = ("time", "timestamp", "@timestamp", "arrival", "at", "ts", "date")
# Logs Insights' name for the beginning of a time bin, beside the bin's count.
_SPAN, _COUNT = "bin(", "count"
_SEPARATORS = ",;\t"
# Keys of the rows in the output of `aws logs`.
_LISTS = ("results", "events")
# Times before 1973 are not dates but seconds from any origin.
_FIRST_DATE = 1e8
# Seconds since 1970 stay below the first until the year 5138; larger numbers have a finer unit.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_LATEST = 253_402_300_799.0  # 9999-12-31T23:59:59Z
_BARE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
_SEED = 20_261_121
_MONDAY = 1_767_571_200.0  # 2026-01-05T00:00Z


@dataclass(frozen=True)
class Traffic:
    """Real requests of one prefix.

    Attributes
    ----------
    arrivals : tuple of float
        When they start, ascending: epoch seconds, or seconds from any origin.
    end : float
        End of the observation in the same unit; at least a day after the first arrival.
    source : str
        Their source, in words.
    folded : int
        Further requests in the same minutes, which read the cache under any policy.
    timezone : str
        IANA name of the time zone to show them in.
    is_random : bool
        Whether they are random, so that their dates mean nothing.
    """

    arrivals: tuple[float, ...]
    end: float
    source: str
    folded: int = 0
    timezone: str = "UTC"
    is_random: bool = False

    @classmethod
    def of(
        cls, arrivals: Sequence[float], source: str, folded: int = 0, timezone: str = "UTC"
    ) -> Traffic:
        """Make traffic that ends with the last arrival, or after a day if that is later.

        Raises
        ------
        UsageError
            If there is no arrival.
        """
        if not arrivals:
            raise UsageError(f"{source}: has no arrivals; a plan needs at least one")
        end = max(arrivals[-1], arrivals[0] + DAY)
        return cls(tuple(arrivals), end, source, folded, timezone)

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone; None for seconds from any origin."""
        return zone(self.timezone) if self.arrivals[0] >= _FIRST_DATE else None

    @property
    def days(self) -> float:
        """Length of the observation in days."""
        return (self.end - self.arrivals[0]) / DAY

    @property
    def requests(self) -> int:
        """Number of real requests."""
        return len(self.arrivals) + self.folded


def read(path: Path, timezone: str = "UTC") -> Traffic:
    """Read arrivals from a file, in any order; ``-`` is standard input.

    Parameters
    ----------
    path : Path
        CSV with one arrival per line, in the column ``time``, ``timestamp``, ``@timestamp``,
        ``arrival``, ``at``, ``ts`` or ``date``, or else the first: seconds, milliseconds or finer
        since 1970, or an ISO 8601 time. Or JSON: one value per line or an array, each value a
        number, a text, or an object with such a key. Or the AWS CLI's output of CloudWatch Logs
        (`get-query-results`, `filter-log-events`). Instead of times, rows may be time bins with a
        ``count``, as from ``stats count(*) by bin(1m)``.
    timezone : str
        IANA name of the time zone for times without one.

    Raises
    ------
    UsageError
        If the file is unreadable or too long, or a time is invalid, negative or years from the
        others; the message has the file and the line.
    """
    text = _text(path)
    zone(timezone)
    is_json = text.lstrip()[:1] in ("{", '"', "[") or path.suffix in (".jsonl", ".ndjson", ".json")
    values = _json_values(text, path) if is_json else _csv_values(text)
    try:
        counts = [
            (_seconds(one.time, timezone, f"{path}:{line}"), _number(one, f"{path}:{line}"))
            for line, one in values
        ]
    except csv.Error as error:
        raise UsageError(f"{path}: is not CSV: {error}") from error
    arrivals = sorted(at for at, number in counts if number)
    folded = sum(number - 1 for _, number in counts if number)
    days = (arrivals[-1] - arrivals[0]) / 86400 if arrivals else 0
    if days > _MOST_DAYS:
        problem = f"spans {days:,.0f} days, more than {_MOST_DAYS}: do all have the same unit?"
        raise UsageError(f"{path}: {problem}")
    source = "standard input" if str(path) == "-" else str(path)
    return Traffic.of(arrivals, source, folded, timezone)


def _text(path: Path) -> str:
    try:
        data = _bytes(path)
        if len(data) > _MOST_BYTES:
            most = f"{_MOST_BYTES // 2**20} MiB"
            raise UsageError(f"{path}: is longer than {most}: give part of it, such as a month")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as text: {error}") from error


def _bytes(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read(_MOST_BYTES + 1)
    with path.open("rb") as file:
        return file.read(_MOST_BYTES + 1)


class _Value(NamedTuple):
    """A time as written in the file, and its number of requests if given."""

    time: Any
    count: Any = None


def _csv_values(text: str) -> Iterator[tuple[int, _Value]]:
    lines = text.splitlines()
    separator = max(_SEPARATORS, key=next((row for row in lines if row.strip()), "").count)
    # A message of a log beside its time may be longer than Python's limit.
    csv.field_size_limit(_MOST_BYTES)
    rows = csv.reader(lines, delimiter=separator)
    places: tuple[int, int | None] | None = None
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if places is None:
            names = [cell.strip().lower() for cell in row]
            places = _places(names) or (0, None)
            if _is_time(names[places[0]]):
                continue
        cells = [row[i].strip() if i is not None and i < len(row) else "" for i in places]
        yield rows.line_num, _Value(cells[0], None if places[1] is None else cells[1])


def _places(names: Sequence[str]) -> tuple[int, int | None] | None:
    """Columns of the time and, for time bins, of the count."""
    # Of several times, that of the day rather than the day.
    columns = [names.index(name) for name in _COLUMNS if name in names]
    if columns:
        return columns[0], None
    spans = [i for i, name in enumerate(names) if name.startswith(_SPAN)]
    counts = [i for i, name in enumerate(names) if name.startswith(_COUNT)]
    return (spans[0], counts[0] if counts else None) if spans else None


def _is_time(name: str) -> bool:
    return name in _COLUMNS or name.startswith(_SPAN)


def _json_values(text: str, path: Path) -> Iterator[tuple[int, _Value]]:
    for number, value in _json_documents(text, path):
        yield number, _value_of(value, f"{path}:{number}")


def _json_documents(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Values with their line, or with their number in a document of several lines."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    listed = _listed(whole)
    if listed is not None:
        yield from enumerate(listed, 1)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}:{number}: is not JSON: write one value per line") from error


def _listed(document: Any) -> list[Any] | None:
    """The values of an array, or of AWS's output of CloudWatch Logs."""
    if isinstance(document, dict):
        document = next((document[name] for name in _LISTS if name in document), None)
    return document if isinstance(document, list) else None


def _value_of(value: Any, place: str) -> _Value:
    """The time in an object, or in a row of Logs Insights."""
    if isinstance(value, list) and all(isinstance(cell, dict) for cell in value):
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
        value = {str(cell.get("field")): _utc(cell.get("value")) for cell in value}
    if not isinstance(value, dict):
        return _Value(value)
    places, cells = _places([name.lower() for name in value]), list(value.values())
    if places is None:
        wanted = ", ".join(_COLUMNS)
        raise UsageError(f"{place}: the object has none of the keys {wanted}")
    time, count = places
    return _Value(cells[time], None if count is None else cells[count])


def _utc(value: Any) -> Any:
    """Add the UTC zone to a time from the CloudWatch API, which has none."""
    is_bare = isinstance(value, str) and _BARE_TIME.fullmatch(value)
    return f"{value}Z" if is_bare else value


def _number(value: _Value, place: str) -> int:
    """The number of requests at a time."""
    if value.count is None:
        return 1
    try:
        number = int(value.count)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{place}: {value.count!r} is not a number of requests") from error
    if number < 0:
        raise UsageError(f"{place}: {value.count!r} is not a number of requests")
    return number


def _seconds(value: object, timezone: str, place: str) -> float:
    """Convert a number or an ISO 8601 time to seconds."""
    problem = (
        f"{place}: {value!r} is not a time: write seconds from 0 on, or such as 2026-11-21T09:00Z"
    )
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(problem)
    try:
        seconds = float(value)
    except OverflowError as error:
        raise UsageError(problem) from error
    except ValueError:
        seconds = _iso(str(value), timezone, problem)
    if not math.isfinite(seconds) or seconds < 0:
        raise UsageError(problem)
    seconds /= next((unit for least, unit in _UNITS if seconds >= least), 1.0)
    if seconds > _LATEST:
        raise UsageError(problem)
    return seconds


def _iso(text: str, timezone: str, problem: str) -> float:
    try:
        at = _datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone(timezone))).timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(problem) from error


def _datetime(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(_strict(text))


def _strict(text: str) -> str:
    """Rewrite an ISO 8601 time for Python 3.10: six decimals of a second, a zone with a colon."""
    text = re.sub(r"\s*(Z|UTC|GMT)$", "+00:00", text.strip())
    text = re.sub(r"^(\d{4})/(\d\d)/(\d\d)", r"\1-\2-\3", text)
    text = re.sub(r"(:\d\d)[.,](\d+)", lambda m: f"{m[1]}.{m[2][:6]:0<6}", text)
    return re.sub(r"(:\S*?)\s*([+-]\d\d):?(\d\d)$", r"\1\2:\3", text)


def poisson(per_hour: float, hours: Hours | None = None, *, days: int = 28) -> Traffic:
    """Make random traffic at a rate in active hours; the same for the same arguments.

    Parameters
    ----------
    per_hour : float
        Requests per active hour; above 0, at most `MOST_PER_HOUR`.
    hours : Hours, optional
        Hours with traffic; by default the whole day.
    days : int
        Number of days, starting on a Monday.

    Raises
    ------
    UsageError
        If the rate is invalid, or produces no request at all.
    """
    if not 0 < per_hour <= MOST_PER_HOUR:
        raise UsageError(f"rate {per_hour:g}: write requests per hour, above 0, at most 3600")
    draw = random.Random(_SEED)  # noqa: S311 - no secret
    spans = list(_spans(hours or Hours(Calendar()), days))
    arrivals: list[float] = []
    clock = draw.expovariate(1.0) * 3600 / per_hour
    for start, end in spans:
        while clock < end - start:
            arrivals.append(start + clock)
            clock += draw.expovariate(1.0) * 3600 / per_hour
        clock -= end - start
    source = f"{per_hour:g} requests an hour"
    if not arrivals:
        raise UsageError(f"{source}: not one request in {days} days; write a higher rate")
    end = max(spans[-1][1], arrivals[0] + DAY)
    shown_in = hours.calendar.timezone if hours else "UTC"
    return Traffic(tuple(arrivals), end, source, timezone=shown_in, is_random=True)


def _spans(hours: Hours, days: int) -> Iterator[tuple[float, float]]:
    at: float | None = _MONDAY
    while at is not None and at < _MONDAY + days * DAY:
        closes = hours.closes(at)
        if closes is not None:
            yield at, min(closes, _MONDAY + days * DAY)
            at = closes
        else:
            at = hours.opens(at)
