"""Axes of time and of amounts: real days and hours, and labels that stay apart."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from prefixwarm.pages.amount_axis import AmountAxis
from prefixwarm.pages.drawing import DESK, PHONE, Frame
from prefixwarm.pages.time_axis import TimeAxis, axis_frame

DAY = 86_400.0
PARIS = ZoneInfo("Europe/Paris")
TEXT = re.compile(r'<text x="([-\d.e+]+)" y="\d+" class="([^"]*)">(.*?)</text>')


def labels(parts: list[str], kind: str) -> list[tuple[float, str]]:
    """Places and texts of one kind."""
    texts = re.findall(
        r'<text x="([-\d.e+]+)" y="\d+" class="([^"]*)">(.*?)</text>', "".join(parts)
    )
    return [(float(x), words) for x, own, words in texts if own == kind]


def axis(start: float, days: float, frame: Frame = DESK, **options: object) -> TimeAxis:
    """An axis over some days."""
    left, width = axis_frame(frame, 126)
    return TimeAxis(start, start + days * DAY, left, width, **options)  # type: ignore[arg-type]


def at(*date: int) -> float:
    """Epoch seconds of a time in Paris."""
    return datetime(*date, tzinfo=PARIS).timestamp()  # type: ignore[arg-type, misc]


def test_days_are_those_of_the_zone() -> None:
    parts = list(axis(at(2026, 11, 20, 9), 3, zone=PARIS).parts(100))
    assert [words for _, words in labels(parts, "middle")] == [
        "Fri 20 Nov",
        "Sat 21 Nov",
        "Sun 22 Nov",
        "Mon 23 Nov",
    ]
    assert {words for _, words in labels(parts, "middle soft")} >= {"00:00", "12:00"}


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), [0, 1, 3, 4]), ((2026, 10, 25), [0, 1, 2, 3])],
)
def test_the_day_on_which_the_clock_changes(day: tuple[int, ...], hours: list[int]) -> None:
    """It has one hour less, whose label is left out, or one more."""
    own = axis(at(*day), 0.5, zone=PARIS)
    shown = labels(list(own.parts(100)), "middle soft")
    assert [words for _, words in shown][:4] == [f"{hour:02}:00" for hour in hours]
    assert min(b - a for (a, _), (b, _) in pairwise(shown)) > 30
    assert own.described().startswith("from S")


@pytest.mark.parametrize("frame", [DESK, PHONE])
@pytest.mark.parametrize("days", [1, 1.3, 2, 3, 5, 7])
@pytest.mark.parametrize("start", [at(2026, 11, 20), at(2026, 11, 20, 23, 59), 9e10])
def test_labels_stay_within_the_drawing_and_apart(frame: Frame, days: float, start: float) -> None:
    parts = list(axis(start, days, frame, zone=PARIS).parts(100))
    for kind, half in (("middle", 36), ("middle soft", 17)):
        places = [x for x, _ in labels(parts, kind)]
        assert all(b - a > half for a, b in pairwise(places))
        if kind == "middle soft":
            assert all(half <= x <= frame.width - half for x in places)


def test_seconds_from_any_origin_are_numbered_days() -> None:
    parts = list(axis(0.0, 3).parts(100))
    assert [words for _, words in labels(parts, "middle")] == ["day 1", "day 2", "day 3"]
    assert "+12 h" in [words for _, words in labels(parts, "middle soft")]
    assert axis(0.0, 3).described() == ""


def test_random_times_have_weekdays() -> None:
    own = axis(at(2026, 1, 5), 3, zone=PARIS, is_week=True)
    shown = [words for _, words in labels(list(own.parts(100)), "middle")]
    assert (shown, own.described()) == (["Mon", "Tue", "Wed"], "")


def test_what_is_later_than_the_end_is_at_the_end() -> None:
    own = axis(0.0, 1, zone=timezone.utc)
    assert own.x(9e9) == own.x(DAY)


@pytest.mark.parametrize("most", [1e-6, 0.07, 1.0, 5.7, 86.0, 3600.0])
@pytest.mark.parametrize("width", [320, 1100])
def test_amounts_have_round_labels_that_stay_apart(most: float, width: int) -> None:
    parts = list(AmountAxis(-most / 3, most, 4, width).parts(50, lambda amount: f"{amount:g}"))
    texts = re.findall(
        r'<text x="([-\d.e+]+)" y="\d+" class="(\w+) soft">(.*?)</text>', "".join(parts)
    )
    assert len(texts) >= 2
    assert "0" in [words for _, _, words in texts]
    assert all(float(b[0]) - float(a[0]) >= 60 for a, b in pairwise(texts))


def test_steps_can_be_chosen() -> None:
    parts = list(AmountAxis(0, 90, 4, 320, (10.0, 30.0, 60.0)).parts(50, str))
    assert re.findall(r">([\d.]+)</text>", "".join(parts)) == ["0.0", "30.0", "60.0", "90.0"]
