"""Draws arrivals, the entry's life and each policy's warm calls on a time line, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.pages.drawing import drawings, line, text
from prefixwarm.pages.time_axis import HEIGHT, TimeAxis, axis_frame
from prefixwarm.plan.arrivals import DAY
from prefixwarm.plan.comparison import POLICIES
from prefixwarm.policy import replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.pages.drawing import Frame
    from prefixwarm.plan.comparison import Plan
    from prefixwarm.policy.run import Event


SHOWN_DAYS = 7
STYLE = """
.life { stroke: var(--life); stroke-width: 12; } .request { stroke: var(--ink); }
.refresh { stroke: var(--blue); stroke-width: 1.3; }
.write { stroke: var(--amber); stroke-width: 3; }
.miss { stroke: var(--red); stroke-width: 2; } .day { stroke: var(--soft); stroke-width: .6; }
.hour { stroke-width: .6; }
"""
# Each symbol in 26 by 16 units.
LEGEND = {
    "real request": line("M13 1v14", "request"),
    "the cache entry lives": line("M1 8h24", "life"),
    "refresh by a warm call": line("M1 8h24", "life") + line("M13 0v16", "refresh"),
    "write by a warm call": line("M13 8h12", "life") + line("M13 0v16", "write"),
    "real request that missed": line("M13 8h12", "life") + line("M13 0v16", "miss"),
}
_NAMES, _LANE, _PHONE_LANE = 126, 34, 44


def timeline(plan: Plan) -> str:
    """Draw the first days of a plan."""
    _, end = _shown(plan)
    requests = [at for at in plan.traffic.arrivals if at < end]
    lanes: dict[str, list[Event]] = {}
    for name, policy in POLICIES.items():
        lanes[name] = []
        replay(requests, end, policy, **plan.costs.prices, watch=lanes[name].append)
    return drawings(
        "Real requests and each policy's warm calls over time",
        lambda frame: _drawn(frame, _axis(plan, frame), requests, lanes),
    )


def shown_time(plan: Plan) -> str:
    """The time span drawn, in words."""
    start, end = _shown(plan)
    axis = TimeAxis(start, end, 0, 1, plan.traffic.zone, plan.traffic.is_random)
    return axis.described() or f"the first {(end - start) / DAY:.3g} days"


def _shown(plan: Plan) -> tuple[float, float]:
    start = plan.traffic.arrivals[0]
    return start, min(plan.traffic.end, start + SHOWN_DAYS * DAY)


def _axis(plan: Plan, frame: Frame) -> TimeAxis:
    left, width = axis_frame(frame, _NAMES)
    return TimeAxis(*_shown(plan), left, width, plan.traffic.zone, plan.traffic.is_random)


def _drawn(
    frame: Frame,
    axis: TimeAxis,
    requests: Sequence[float],
    lanes: dict[str, list[Event]],
) -> tuple[int, list[str]]:
    """Return height and parts: the requests, and below them a lane for each policy."""
    height = _PHONE_LANE if frame.is_phone else _LANE
    # Middle of the first lane.
    first = HEIGHT + (30 if frame.is_phone else 18)
    bottom = first + len(lanes) * height + 14
    parts = [*axis.parts(bottom), _name(frame, axis, first, "real requests")]
    parts.append(_ticks(axis, requests, first, 10, "request"))
    for number, (name, events) in enumerate(lanes.items(), 1):
        middle = first + number * height
        parts += [_name(frame, axis, middle, name), *_lane(axis, middle, events)]
    return bottom + 4, parts


def _name(frame: Frame, axis: TimeAxis, middle: float, name: str) -> str:
    """Write the name beside the lane, or above it."""
    if frame.is_phone:
        return text(axis.left, middle - 15, name)
    return text(axis.left - 12, middle + 4, name, "end")


def _lane(axis: TimeAxis, middle: float, events: Sequence[Event]) -> Iterator[str]:
    """Draw the entry's life as bars, with its calls and misses on top."""
    lives = _lives(events, axis.end)
    bars = "".join(f"M{axis.x(start)} {middle}H{axis.x(end)}" for start, end in lives)
    yield line(bars, "life")
    for kind, half_height in (("refresh", 9), ("write", 11), ("miss", 11)):
        times = [event.at for event in events if event.kind == kind]
        yield _ticks(axis, times, middle, half_height, kind)


def _lives(events: Sequence[Event], end: float) -> list[tuple[float, float]]:
    """Time spans in which the entry lived."""
    lives: list[tuple[float, float]] = []
    for event in events:
        if lives and event.at <= lives[-1][1]:
            lives[-1] = lives[-1][0], min(event.warm_until, end)
        else:
            lives.append((event.at, min(event.warm_until, end)))
    return lives


def _ticks(
    axis: TimeAxis, times: Sequence[float], middle: float, half_height: int, kind: str
) -> str:
    """Vertical strokes, one for each distinguishable position."""
    places = sorted({axis.x(at) for at in times})
    return line("".join(f"M{x} {middle - half_height:g}v{2 * half_height}" for x in places), kind)
