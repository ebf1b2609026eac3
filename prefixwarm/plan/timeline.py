"""The arrivals, the entry's life and each policy's warm calls on one time line, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.plan.arrivals import DAY
from prefixwarm.plan.comparison import POLICIES
from prefixwarm.plan.svg import drawing
from prefixwarm.policy import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.plan.comparison import Plan
    from prefixwarm.policy.run import Event


SHOWN_DAYS = 7
_LANES = ("do nothing", "4-minute pings", "always", "ski", "hazard", "auto")
_LEFT, _WIDTH, _LANE, _TOP = 130, 1000, 34, 46


def timeline(plan: Plan) -> str:
    """Draw the first days of a plan."""
    start = plan.traffic.arrivals[0]
    end = min(plan.traffic.end, start + SHOWN_DAYS * DAY)
    scale = _Scale(start, end)
    shown = [at for at in plan.traffic.arrivals if at < end]
    parts = [*_axis(scale), *_lane_name(0, "real requests")]
    parts.append(_ticks(scale, shown, _y(0) - 10, 20, "request"))
    for number, name in enumerate(_LANES, 1):
        events: list[Event] = []
        replay(shown, end, POLICIES[name], **plan.costs.prices, watch=events.append)
        parts += _lane_name(number, name)
        parts += _lane(scale, number, events)
    height = _y(len(_LANES)) + 24
    label = "Real requests and each policy's warm calls over time"
    return drawing(_LEFT + _WIDTH + 20, height, label, parts)


class _Scale:
    """Seconds to a place on the drawing."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def x(self, at: float) -> float:
        share = (min(at, self.end) - self.start) / (self.end - self.start)
        return round(_LEFT + share * _WIDTH, 1)


def _y(lane: int) -> int:
    return _TOP + lane * _LANE


def _lane_name(lane: int, name: str) -> list[str]:
    return [f'<text class="name" x="{_LEFT - 10}" y="{_y(lane) + 4}">{name}</text>']


def _axis(scale: _Scale) -> list[str]:
    """A line for each day, or for each three hours of a single one."""
    span = scale.end - scale.start
    step = DAY if span > 2 * DAY else DAY / 8
    lines = []
    for number in range(int(span // step) + 1):
        x = scale.x(scale.start + number * step)
        label = f"day {number + 1}" if step == DAY else f"+{number * 3} h"
        lines.append(f'<path class="grid" d="M{x} 24V{_y(len(_LANES)) + 16}"/>')
        lines.append(f'<text class="axis" x="{x}" y="16">{label}</text>')
    return lines


def _lane(scale: _Scale, lane: int, events: Sequence[Event]) -> list[str]:
    """The entry's life as bars, and above it what happened to it."""
    y = _y(lane)
    bars = "".join(
        f"M{scale.x(start)} {y}H{scale.x(end)}" for start, end in _lives(events, scale.end)
    )
    kinds = {
        kind: [e.at for e in events if e.kind == kind] for kind in ("refresh", "write", "miss")
    }
    return [
        f'<path class="life" d="{bars}"/>',
        _ticks(scale, kinds["refresh"], y - 9, 18, "refresh"),
        _ticks(scale, kinds["write"], y - 11, 22, "write"),
        _ticks(scale, kinds["miss"], y - 11, 22, "miss"),
    ]


def _lives(events: Sequence[Event], end: float) -> list[tuple[float, float]]:
    """Spans in which the entry lived."""
    lives: list[tuple[float, float]] = []
    for event in events:
        if lives and event.at <= lives[-1][1]:
            lives[-1] = lives[-1][0], min(event.warm_until, end)
        else:
            lives.append((event.at, min(event.warm_until, end)))
    return lives


def _ticks(scale: _Scale, times: Sequence[float], y: int, length: int, kind: str) -> str:
    """Upright strokes, one for each place that can be told apart."""
    places = sorted({scale.x(at) for at in times})
    strokes = "".join(f"M{x} {y}v{length}" for x in places)
    return f'<path class="{kind}" d="{strokes}"/>' if strokes else ""
