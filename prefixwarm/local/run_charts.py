"""Draws the lives of a run's cache entries, and its costs, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.local.measured_run import total_usd
from prefixwarm.local.run_timeline import agent_calls, typical, warm_calls
from prefixwarm.pages.amount_axis import HEIGHT, AmountAxis
from prefixwarm.pages.drawing import bar, drawings, line, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.local.measured_run import ProviderCall, Round, Scenario
    from prefixwarm.pages.drawing import Frame


STYLE = """
.entry { fill: var(--life); } .tick { stroke: var(--ink); stroke-width: 2; }
.warm-tick { stroke: var(--blue); stroke-width: 3; }
"""
LIFE_LEGEND = {
    "the entry lives, if nobody uses it again": bar(1, 3, 24, 10, "entry"),
    "warm call": line("M13 0v16", "warm-tick"),
    "real request": line("M13 0v16", "tick"),
}
COST_LEGEND = {
    "real requests": bar(1, 2, 24, 12, "wait"),
    "warm calls": bar(1, 2, 24, 12, "warm"),
}
_NAMES, _BAR, _LANE, _PHONE_LANE = 100, 18, 34, 50
_COST_TEXT = 190
_MS_PER_MINUTE, _MINUTES_PER_HOUR = 60_000, 60
_MINUTE_STEPS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0)


def lives(scenarios: Sequence[Scenario]) -> str:
    """Draw the life span of each entry."""
    return drawings("How long the cache entries live", lambda frame: _lives(frame, scenarios))


def costs(scenarios: Sequence[Scenario]) -> str:
    """Draw the provider's bill for one round of each scenario."""
    return drawings("What the provider billed, by scenario", lambda frame: _costs(frame, scenarios))


def _lane_height(frame: Frame) -> int:
    return _PHONE_LANE if frame.is_phone else _LANE


def _left(frame: Frame) -> int:
    return 4 if frame.is_phone else _NAMES


def _name(frame: Frame, top: float, name: str) -> str:
    """Write the name beside the bar, or above it."""
    if frame.is_phone:
        return text(_left(frame), top - 5, name)
    return text(_NAMES - 12, top + _BAR - 5, name, "end")


def _tops(frame: Frame, scenarios: Sequence[Scenario]) -> Iterator[tuple[float, Scenario]]:
    """The upper edge of each scenario's bar."""
    first = HEIGHT + (20 if frame.is_phone else 6)
    for number, scenario in enumerate(scenarios):
        yield first + number * _lane_height(frame), scenario


def _lives(frame: Frame, scenarios: Sequence[Scenario]) -> tuple[int, list[str]]:
    rounds = [typical(scenario) for scenario in scenarios]
    begins = min([0.0, *(_minutes(call.began_ms) for one in rounds for call in one.calls)])
    ends = max([1.0, *(_minutes(entry.expires_ms) for one in rounds for entry in one.entries)])
    left = _left(frame)
    axis = AmountAxis(begins, ends, left, frame.width - left - 8, _MINUTE_STEPS)
    bottom = HEIGHT + len(scenarios) * _lane_height(frame)
    parts = list(axis.parts(bottom, _time))
    for top, scenario in _tops(frame, scenarios):
        parts += [_name(frame, top, scenario.name), *_life(axis, typical(scenario), top)]
    return bottom + 8, parts


def _life(axis: AmountAxis, one: Round, top: float) -> Iterator[str]:
    for entry in one.entries:
        x, end = axis.x(_minutes(entry.written_ms)), axis.x(_minutes(entry.expires_ms))
        yield bar(x, top, end - x, _BAR, "entry")
    yield _ticks(axis, warm_calls(one), top, "warm-tick")
    yield _ticks(axis, agent_calls(one), top, "tick")


def _ticks(axis: AmountAxis, calls: Sequence[ProviderCall], top: float, kind: str) -> str:
    places = sorted({axis.x(_minutes(call.began_ms)) for call in calls})
    return line("".join(f"M{x} {top - 3:g}v{_BAR + 6}" for x in places), kind)


def _minutes(milliseconds: float) -> float:
    return milliseconds / _MS_PER_MINUTE


def _time(minutes: float) -> str:
    """Minutes from the start, in a suitable unit."""
    if abs(minutes) >= _MINUTES_PER_HOUR:
        return f"{minutes / _MINUTES_PER_HOUR:g} h"
    return f"{minutes:g} min"


def _costs(frame: Frame, scenarios: Sequence[Scenario]) -> tuple[int, list[str]]:
    sums = {one.name: _sums(typical(one)) for one in scenarios}
    most = max([1e-9, *((real or 0.0) + (warm or 0.0) for real, warm in sums.values())])
    left = _left(frame)
    axis = AmountAxis(0.0, most, left, frame.width - left - (8 if frame.is_phone else _COST_TEXT))
    bottom = HEIGHT + len(scenarios) * _lane_height(frame)
    parts = list(axis.parts(bottom, dollars))
    for top, scenario in _tops(frame, scenarios):
        real, warm = sums[scenario.name]
        middle = axis.x(real or 0.0)
        end = axis.x((real or 0.0) + (warm or 0.0))
        if real:
            parts.append(bar(axis.left, top, middle - axis.left, _BAR, "wait"))
        if warm:
            parts.append(bar(middle, top, end - middle, _BAR, "warm"))
        parts += _cost_names(frame, top, scenario.name, end, f"{dollars(real)} + {dollars(warm)}")
    return bottom + 8, parts


def _cost_names(frame: Frame, top: float, name: str, end: float, sums: str) -> Iterator[str]:
    """Write name and sums around the bar, or above it."""
    if frame.is_phone:
        yield text(_left(frame), top - 5, f"{name}: {sums}")
        return
    yield _name(frame, top, name)
    yield text(end + 8, top + _BAR - 5, sums)


def _sums(one: Round) -> tuple[float | None, float | None]:
    """US dollars for the agent's requests and for warm calls; None if a price is unknown."""
    real = total_usd(call.cost_usd for call in one.calls if call.by == "agent")
    warm = total_usd(call.cost_usd for call in one.calls if call.by != "agent")
    return real, warm
