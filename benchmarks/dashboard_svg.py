"""A CloudWatch dashboard as SVG: graphs by hour, and alarms by state."""

from __future__ import annotations

from html import escape
from textwrap import wrap
from typing import Any

__all__ = ["draw"]

UNIT_X, UNIT_Y, GAP, HEAD = 48, 38, 8, 26
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#8c564b", "#e377c2")
Json = dict[str, Any]
Values = dict[str, list[float]]


def draw(widgets: list[Json], alarms: list[Json], values: Values) -> str:
    """The picture.

    Parameters
    ----------
    widgets, alarms
        As CloudFormation has them.
    values
        Sums of each metric for each hour of the day.
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
    inside = [_widget(widget, alarms, values) for widget in widgets]
    return "\n".join([start, ground, *inside, "</svg>"]) + "\n"


def _widget(widget: Json, alarms: list[Json], values: Values) -> str:
    properties = widget["properties"]
    wide, high = widget["width"] * UNIT_X - GAP, widget["height"] * UNIT_Y - GAP
    inside = (
        _graph(properties, values, wide, high)
        if widget["type"] == "metric"
        else _states(alarms, values)
    )
    return (
        f'<g transform="translate({widget["x"] * UNIT_X + GAP / 2},'
        f'{widget["y"] * UNIT_Y + GAP / 2})">'
        f'<rect width="{wide}" height="{high}" fill="#fff" stroke="#d5dbdb"/>'
        f'<text x="10" y="18" font-weight="bold">{escape(properties["title"])}</text>'
        f"{inside}</g>"
    )


def _series(properties: Json, values: Values) -> list[tuple[str, list[float]]]:
    """Label and hours of each metric; those of AWS itself have no values on this machine."""
    found = []
    for metric in properties["metrics"]:
        label = next((m.get("label") for m in metric if isinstance(m, dict)), None)
        if metric[0] == "prefixwarm":
            found.append((label or metric[1], values.get(metric[1], [0.0] * 24)))
    return found


def _graph(properties: Json, values: Values, wide: int, high: int) -> str:
    series = _series(properties, values)
    stacked = properties.get("stacked", False)
    hours = [[line[hour] for _, line in series] for hour in range(24)]
    top = max((sum(h) if stacked else max(h) for h in hours), default=0.0) or 1.0
    legend, rows = _legend([label for label, _ in series], wide, high)
    left, right, bottom, above = 56, wide - 24, high - 28 - 16 * rows, HEAD + 8
    parts = [_axis(top, left, right, bottom, above)]
    step = (right - left) / 24
    base = [0.0] * 24
    for number, (_, line) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        scale = (bottom - above) / top
        if stacked:
            parts.append(_bars(line, base, colour, (left, bottom), step, scale))
            base = [low + value for low, value in zip(base, line, strict=True)]
        else:
            places = (
                f"{left + step * (hour + 0.5):.1f},{bottom - value * scale:.1f}"
                for hour, value in enumerate(line)
            )
            parts.append(
                f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" '
                'stroke-width="2"/>'
            )
    return "".join([*parts, legend])


def _bars(
    line: list[float],
    base: list[float],
    colour: str,
    origin: tuple[int, int],
    step: float,
    scale: float,
) -> str:
    left, bottom = origin
    return "".join(
        f'<rect x="{left + step * hour + 2:.1f}" y="{bottom - (low + value) * scale:.1f}" '
        f'width="{step - 4:.1f}" height="{value * scale:.1f}" fill="{colour}"/>'
        for hour, (value, low) in enumerate(zip(line, base, strict=True))
        if value
    )


def _axis(top: float, left: int, right: int, bottom: int, above: int) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - above)
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eaeded"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#545b64">'
            f"{_number(top * share)}</text>"
        )
    for hour in range(0, 25, 6):
        x = left + hour * (right - left) / 24
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle" fill="#545b64">'
            f"{hour:02}:00</text>"
        )
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


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


def _states(alarms: list[Json], values: Values) -> str:
    """What each alarm would have said in the day's worst hour."""
    parts = []
    for number, alarm in enumerate(alarms):
        word, colour = _state(alarm, values)
        x, y = 12 + 282 * (number % 2), HEAD + 20 + 44 * (number // 2)
        lines = [*wrap(alarm["AlarmDescription"].partition(": ")[2], 44), word]
        parts.append(f'<rect x="{x}" y="{y - 11}" width="6" height="36" fill="{colour}"/>')
        for line, text in enumerate(lines):
            ink = colour if line == len(lines) - 1 else "#16191f"
            parts.append(
                f'<text x="{x + 12}" y="{y + 13 * line}" fill="{ink}" font-size="11">'
                f"{escape(text)}</text>"
            )
    return "".join(parts)


def _state(alarm: Json, values: Values) -> tuple[str, str]:
    if alarm.get("Namespace") != "prefixwarm":
        return "AWS's own metric: no data on this machine", "#687078"
    worst = max(values.get(str(alarm["MetricName"]), [0.0]))
    return ("went off", "#d13212") if worst >= alarm["Threshold"] else ("OK", "#1d8102")
