"""Draws each policy's cost by amount of traffic, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.pages.document import legend
from prefixwarm.pages.drawing import drawings, line, text
from prefixwarm.plan.arrivals import DAY

if TYPE_CHECKING:
    from prefixwarm.pages.drawing import Frame
    from prefixwarm.plan.comparison import Plan, Point


STYLE = """
.line { stroke-width: 2.2; } .c0 { stroke: var(--red); }
.c1 { stroke: var(--amber); stroke-dasharray: 9 4; } .c2 { stroke: var(--blue); }
.c3 { stroke: var(--soft); stroke-dasharray: 2 4; }
.mark { stroke: var(--ink); stroke-dasharray: 4 4; }
"""
_TOP, _HEIGHT = 20, 300
_NAMES, _END_LABELS = 84, 130
_LEAST_LABELLED = 1e-4


def curve(plan: Plan) -> str:
    """Draw a plan's dollars per day by requests per day, both on logarithmic scales."""
    points = list(plan.curve)
    return legend(_legend(points)) + drawings(
        "Cost a day against requests a day", lambda frame: _drawn(frame, plan, points)
    )


def _legend(points: list[Point]) -> dict[str, str]:
    return {name: line("M0 8h26", f"line c{number}") for number, name in enumerate(points[0].units)}


def _drawn(frame: Frame, plan: Plan, points: list[Point]) -> tuple[int, list[str]]:
    chart = _Chart(points, plan.costs.unit_usd, frame)
    parts = [*_grid(chart, plan)]
    labels = _apart([chart.y(units) for units in points[-1].units.values()])
    for number, (name, label_y) in enumerate(zip(points[0].units, labels, strict=True)):
        path = "L".join(f"{chart.x(p.per_day)} {chart.y(p.units[name])}" for p in points)
        parts.append(line(f"M{path}", f"line c{number}"))
        if not frame.is_phone:
            parts.append(text(chart.right + 8, label_y + 4, name))
    return _TOP + _HEIGHT + 48, [*parts, *_marks(chart, plan)]


class _Chart:
    """Maps rates and costs (units, shown as dollars if the price is known) to positions."""

    def __init__(self, points: list[Point], unit_usd: float | None, frame: Frame) -> None:
        self.unit = unit_usd or 1.0
        costs = [units * self.unit for point in points for units in point.units.values()]
        self.rates = [point.per_day for point in points]
        self.low = math.floor(math.log10(min(costs)))
        self.high = math.ceil(math.log10(max(costs)))
        self.left = _NAMES
        self.right = frame.width - (14 if frame.is_phone else _END_LABELS)

    @property
    def width(self) -> int:
        return self.right - self.left

    def x(self, per_day: float) -> float:
        first, last = math.log10(self.rates[0]), math.log10(self.rates[-1])
        share = (math.log10(per_day) - first) / (last - first)
        return round(self.left + min(1.0, max(0.0, share)) * self.width, 1)

    def y(self, units: float) -> float:
        share = (math.log10(units * self.unit) - self.low) / (self.high - self.low)
        return round(_TOP + (1 - share) * _HEIGHT, 1)


def _apart(places: list[float]) -> list[float]:
    """Move positions down until no two labels overlap."""
    moved: dict[int, float] = {}
    lowest = -math.inf
    for index in sorted(range(len(places)), key=places.__getitem__):
        lowest = moved[index] = max(places[index], lowest + 16)
    return [moved[index] for index in range(len(places))]


def _grid(chart: _Chart, plan: Plan) -> list[str]:
    parts = []
    for exponent in range(chart.low, chart.high + 1):
        cost = 10.0**exponent
        y = chart.y(cost / chart.unit)
        parts.append(line(f"M{chart.left} {y}h{chart.width}", "grid"))
        if not plan.costs.unit_usd:
            parts.append(text(chart.left - 8, y + 4, f"{cost:g} reads", "end"))
        elif cost >= _LEAST_LABELLED * 0.99:
            parts.append(text(chart.left - 8, y + 4, dollars(cost), "end"))
    bottom = _TOP + _HEIGHT
    for rate in (1, 10, 100):
        x = chart.x(rate)
        parts.append(line(f"M{x} {_TOP}v{_HEIGHT}", "grid"))
        parts.append(text(x, bottom + 18, f"{rate}", "middle soft"))
    middle = chart.left + chart.width / 2
    parts.append(text(middle, bottom + 40, "requests a day", "middle soft"))
    return parts


def _marks(chart: _Chart, plan: Plan) -> list[str]:
    """Mark this prefix's traffic and the break-even."""
    seconds = plan.traffic.end - plan.traffic.arrivals[0]
    marks = [("this prefix", plan.traffic.requests / seconds * DAY, 12)]
    if plan.break_even_per_day is not None:
        marks.append(("break-even", plan.break_even_per_day, 29))
    return [
        line(f"M{chart.x(rate)} {_TOP}v{_HEIGHT}", "mark") + _mark_name(chart, rate, name, down)
        for name, rate, down in marks
    ]


def _mark_name(chart: _Chart, rate: float, name: str, down: int) -> str:
    """Write the mark's name on the side with room."""
    x, y = chart.x(rate), _TOP + down
    is_late = x > chart.left + chart.width * 0.7
    return text(x - 4, y, name, "end") if is_late else text(x + 4, y, name)
