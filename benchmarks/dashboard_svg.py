"""A CloudWatch dashboard as SVG: its own graphs by period, and its alarms by state."""

from __future__ import annotations

import re
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard_values import Metrics

__all__ = ["draw", "series", "state"]

UNIT_X, UNIT_Y, GAP, HEAD = 48, 38, 8, 26
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#8c564b", "#e377c2", "#7f7f7f")
# The one form of metric math on our dashboard.
DIFFERENCE = re.compile(r"FILL\((\w+), 0\) - FILL\((\w+), 0\)")
Json = dict[str, Any]
Points = list[float | None]


class Frame(NamedTuple):
    """Where a graph's lines may be, inside its widget."""

    left: int
    right: int
    bottom: int
    top: int


def draw(widgets: list[Json], alarms: list[Json], metrics: Metrics) -> str:
    """The picture.

    Parameters
    ----------
    widgets
        Of the dashboard's body.
    alarms
        As ``DescribeAlarms`` has them.
    """
    width = UNIT_X * max(w["x"] + w["width"] for w in widgets)
    for widget in widgets:
        row = [other["height"] for other in widgets if other["y"] == widget["y"]]
        widget["height"] = max(row)
    height = UNIT_Y * max(w["y"] + w["height"] for w in widgets)
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>'
    inside = [_widget(widget, alarms, metrics) for widget in widgets]
    return "\n".join([start, ground, *inside, "</svg>"]) + "\n"


def series(properties: Json, metrics: Metrics) -> list[tuple[str, bool, Points]]:
    """Label, whether on the right axis, and data points of each line of a graph."""
    by_id: dict[str, Points] = {}
    found = []
    for *names, options in properties["metrics"]:
        if names:
            points = _points(names, options, metrics)
            label = options.get("label") or names[1]
        else:
            points = _difference(options["expression"], by_id)
            label = options["label"]
        by_id[options.get("id", "")] = points
        if options.get("visible", True):
            found.append((label, options.get("yAxis") == "right", points))
    return found


def state(alarm: Json, metrics: Metrics) -> tuple[str, str]:
    """What the alarm did in that span of time, and its colour."""
    dimensions = {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]}
    points = metrics.points(
        alarm["Namespace"], alarm["MetricName"], dimensions, alarm["Period"], alarm["Statistic"]
    )
    missing = alarm["TreatMissingData"] == "breaching"
    worst = [missing if p is None else p >= alarm["Threshold"] for p in points]
    return ("went off", "#d13212") if any(worst) else ("OK", "#1d8102")


def _widget(widget: Json, alarms: list[Json], metrics: Metrics) -> str:
    properties = widget["properties"]
    wide, high = widget["width"] * UNIT_X - GAP, widget["height"] * UNIT_Y - GAP
    inside = (
        _graph(properties, metrics, wide, high)
        if widget["type"] == "metric"
        else _states(properties, alarms, metrics)
    )
    return (
        f'<g transform="translate({widget["x"] * UNIT_X + GAP / 2},'
        f'{widget["y"] * UNIT_Y + GAP / 2})">'
        f'<rect width="{wide}" height="{high}" fill="#fff" stroke="#d5dbdb"/>'
        f'<text x="10" y="18" font-weight="bold">{escape(properties["title"])}</text>'
        f"{inside}</g>"
    )


def _points(names: Sequence[str], options: Json, metrics: Metrics) -> Points:
    namespace, name, *pairs = names
    dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
    found: Points = metrics.points(namespace, name, dimensions, options["period"], options["stat"])
    return found


def _difference(expression: str, by_id: dict[str, Points]) -> Points:
    match = DIFFERENCE.fullmatch(expression)
    if match is None:
        raise ValueError(f"expression {expression!r}: only {DIFFERENCE.pattern} is drawn")
    first, second = by_id[match[1]], by_id[match[2]]
    return [(a or 0.0) - (b or 0.0) for a, b in zip(first, second, strict=True)]


def _graph(properties: Json, metrics: Metrics, wide: int, high: int) -> str:
    lines = series(properties, metrics)
    legend, rows = _legend([label for label, _, _ in lines], wide, high)
    right_used = any(right for _, right, _ in lines)
    frame = Frame(56, wide - (56 if right_used else 24), high - 28 - 16 * rows, HEAD + 8)
    parts = [_hours(frame)]
    for side in (False, True):
        mine = [(n, line[2]) for n, line in enumerate(lines) if line[1] == side]
        if mine:
            parts.append(_side(mine, frame, stacked=properties.get("stacked", False), right=side))
    return "".join([*parts, legend])


def _side(
    lines: list[tuple[int, Points]],
    frame: Frame,
    *,
    stacked: bool,
    right: bool,
) -> str:
    """The lines of one axis, each with the number of its colour."""
    points_of = zip(*(points for _, points in lines), strict=True)
    columns = [[point or 0.0 for point in column] for column in points_of]
    top = max(sum(c) if stacked else max(c) for c in columns) or 1.0
    bottom = min(0.0, *map(min, columns))
    scale = (frame.bottom - frame.top) / (top - bottom)
    zero = frame.bottom + bottom * scale
    parts = [_labels(top, bottom, frame, right=right)]
    base = [0.0] * len(columns)
    for number, points in lines:
        colour = COLOURS[number % len(COLOURS)]
        if stacked:
            values = [p or 0.0 for p in points]
            parts.append(_bars(values, base, colour, frame, zero, scale))
            base = [low + value for low, value in zip(base, values, strict=True)]
        else:
            parts.append(_line(points, colour, frame, zero, scale))
    return "".join(parts)


def _line(points: Points, colour: str, frame: Frame, zero: float, scale: float) -> str:
    """Pieces between gaps; a point of its own is a dot."""
    step = (frame.right - frame.left) / len(points)
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(points):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{frame.left + step * (at + 0.5):.1f},{zero - value * scale:.1f}")
    ink = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"'
    return "".join(
        f'<polyline points="{" ".join(piece if len(piece) > 1 else piece * 2)}" {ink}/>'
        for piece in pieces
        if piece
    )


def _bars(
    line: list[float],
    base: list[float],
    colour: str,
    frame: Frame,
    zero: float,
    scale: float,
) -> str:
    step = (frame.right - frame.left) / len(line)
    return "".join(
        f'<rect x="{frame.left + step * at + 2:.1f}" y="{zero - (low + value) * scale:.1f}" '
        f'width="{step - 4:.1f}" height="{value * scale:.1f}" fill="{colour}"/>'
        for at, (value, low) in enumerate(zip(line, base, strict=True))
        if value
    )


def _labels(top: float, bottom: float, frame: Frame, *, right: bool) -> str:
    x, anchor = (frame.right + 6, "start") if right else (frame.left - 6, "end")
    rule = f'<line x1="{frame.left}" x2="{frame.right}"'
    words = f'<text x="{x}" text-anchor="{anchor}" fill="#545b64"'
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = frame.bottom - share * (frame.bottom - frame.top)
        value = _number(bottom + (top - bottom) * share)
        parts.append(f'{rule} y1="{y:.1f}" y2="{y:.1f}" stroke="#eaeded"/>')
        parts.append(f'{words} y="{y + 4:.1f}">{value}</text>')
    return "".join(parts)


def _hours(frame: Frame) -> str:
    left, right, bottom, _ = frame
    return "".join(
        f'<text x="{left + hour * (right - left) / 24:.1f}" y="{bottom + 15}" '
        f'text-anchor="middle" fill="#545b64">{hour:02}:00</text>'
        for hour in range(0, 25, 6)
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def _legend(labels: list[str], wide: int, high: int) -> tuple[str, int]:
    """The legend at the foot, and how many rows it takes."""
    places, x, row = [], 12, 0
    for label in labels:
        room = 30 + round(6.5 * len(label))
        if x + room > wide:
            x, row = 12, row + 1
        places.append((x, row))
        x += room
    parts = []
    for number, (label, (left, line)) in enumerate(zip(labels, places, strict=True)):
        y = high - 10 - 16 * (row - line)
        parts.append(
            f'<rect x="{left}" y="{y - 9}" width="10" height="10" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
            f'<text x="{left + 14}" y="{y}">{escape(label)}</text>'
        )
    return "".join(parts), row + 1


def _states(properties: Json, alarms: list[Json], metrics: Metrics) -> str:
    """Each alarm of the widget, by what it watches."""
    by_arn = {alarm["AlarmArn"]: alarm for alarm in alarms}
    parts = []
    for number, arn in enumerate(properties["alarms"]):
        word, colour = state(by_arn[arn], metrics)
        x, y = 12 + 188 * (number % 3), HEAD + 20 + 56 * (number // 3)
        text = by_arn[arn]["AlarmDescription"].partition(": ")[2]
        lines = [*wrap(text, 29), word]
        parts.append(f'<rect x="{x}" y="{y - 11}" width="6" height="48" fill="{colour}"/>')
        for line, words in enumerate(lines):
            ink = colour if line == len(lines) - 1 else "#16191f"
            parts.append(
                f'<text x="{x + 12}" y="{y + 13 * line}" fill="{ink}" font-size="11">'
                f"{escape(words)}</text>"
            )
    return "".join(parts)
