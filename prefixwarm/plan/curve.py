"""The cost of each policy against the amount of traffic, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prefixwarm.plan.advice import money
from prefixwarm.plan.arrivals import DAY
from prefixwarm.plan.svg import drawing

if TYPE_CHECKING:
    from prefixwarm.plan.comparison import Plan, Point


_LEFT, _TOP, _WIDTH, _HEIGHT = 90, 20, 800, 320


def curve(plan: Plan) -> str:
    """Draw a plan's dollars a day against requests a day, both on logarithmic scales."""
    points = list(plan.curve)
    chart = _Chart(points, plan.costs.unit_usd)
    parts = [*_grid(chart, plan)]
    labels = _apart([chart.y(units) for units in points[-1].units.values()])
    for number, (name, label_y) in enumerate(zip(points[0].units, labels, strict=True)):
        path = "L".join(f"{chart.x(p.per_day)} {chart.y(p.units[name])}" for p in points)
        parts.append(f'<path class="line c{number}" d="M{path}"/>')
        parts.append(f'<text x="{_LEFT + _WIDTH + 8}" y="{label_y + 4}">{name}</text>')
    parts += _marks(chart, plan)
    size = _LEFT + _WIDTH + 140, _TOP + _HEIGHT + 60
    return drawing(*size, "Cost a day against requests a day", parts)


class _Chart:
    """Rates and costs (units, shown as dollars where the price is known) to places."""

    def __init__(self, points: list[Point], unit_usd: float | None) -> None:
        self.unit = unit_usd or 1.0
        costs = [units * self.unit for point in points for units in point.units.values()]
        self.rates = [point.per_day for point in points]
        self.low = math.floor(math.log10(min(costs)))
        self.high = math.ceil(math.log10(max(costs)))

    def x(self, per_day: float) -> float:
        first, last = math.log10(self.rates[0]), math.log10(self.rates[-1])
        share = (math.log10(per_day) - first) / (last - first)
        return round(_LEFT + min(1.0, max(0.0, share)) * _WIDTH, 1)

    def y(self, units: float) -> float:
        share = (math.log10(units * self.unit) - self.low) / (self.high - self.low)
        return round(_TOP + (1 - share) * _HEIGHT, 1)


def _apart(places: list[float]) -> list[float]:
    """The same places, moved down until no two labels overlap."""
    moved: dict[int, float] = {}
    lowest = -math.inf
    for index in sorted(range(len(places)), key=places.__getitem__):
        lowest = moved[index] = max(places[index], lowest + 15)
    return [moved[index] for index in range(len(places))]


def _grid(chart: _Chart, plan: Plan) -> list[str]:
    parts = []
    for exponent in range(chart.low, chart.high + 1):
        cost = 10.0**exponent
        label = money(cost) if plan.costs.unit_usd else f"{cost:g} reads"
        y = chart.y(cost / chart.unit)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}h{_WIDTH}"/>')
        parts.append(f'<text class="name" x="{_LEFT - 8}" y="{y + 4}">{label}</text>')
    for rate in (1, 10, 100):
        x = chart.x(rate)
        parts.append(f'<path class="grid" d="M{x} {_TOP}v{_HEIGHT}"/>')
        parts.append(f'<text class="axis" x="{x}" y="{_TOP + _HEIGHT + 18}">{rate}</text>')
    middle = _LEFT + _WIDTH / 2
    parts.append(f'<text class="axis" x="{middle}" y="{_TOP + _HEIGHT + 44}">requests a day</text>')
    return parts


def _marks(chart: _Chart, plan: Plan) -> list[str]:
    """Where this prefix stands, and where keeping warm begins to pay."""
    seconds = plan.traffic.end - plan.traffic.arrivals[0]
    marks = [("this prefix", plan.traffic.requests / seconds * DAY, 12)]
    if plan.break_even_per_day is not None:
        marks.append(("break-even", plan.break_even_per_day, 28))
    return [
        f'<path class="mark" d="M{chart.x(rate)} {_TOP}v{_HEIGHT}"/>'
        f'<text class="marked" x="{chart.x(rate) + 4}" y="{_TOP + down}">{name}</text>'
        for name, rate, down in marks
    ]
