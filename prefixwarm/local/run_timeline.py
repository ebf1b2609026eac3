"""Draws starts on a time line, as SVG: init phase, warm calls, wait for the first token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.pages.amount_axis import HEIGHT, AmountAxis
from prefixwarm.pages.drawing import bar, drawings, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.local.measured_run import ProviderCall, Round, Scenario, Start
    from prefixwarm.pages.drawing import Frame


STYLE = """
.init { fill: var(--raised); stroke: var(--soft); } .wait { fill: var(--wait); stroke: var(--red); }
.answer { fill: var(--line); } .warm { fill: var(--life); stroke: var(--blue); }
.thin { stroke: none; } .init.thin { fill: var(--line); }
"""
# Each symbol in 26 by 16 units.
LEGEND = {
    "init phase": bar(1, 2, 24, 12, "init"),
    "warm call by prefixwarm": bar(1, 4, 24, 8, "warm"),
    "wait for the first token": bar(1, 2, 24, 12, "wait"),
    "the rest of the answer": bar(1, 2, 24, 12, "answer"),
}
# Longest time drawn before a start; more would make everything else small.
_BEFORE = 0.4
_BAR, _WARM, _TITLE, _NOTE, _GAP = 22, 12, 20, 20, 16
_MOST_HIGH, _LEAST_BAR = 150, 2.5
_CHARACTER = 6.2


def timelines(scenarios: Sequence[Scenario], *, busy: bool) -> Iterator[str]:
    """A drawing of the single starts, and one for each scenario of many.

    Parameters
    ----------
    busy : bool
        Whether the machine was, so that the lengths of init phases are worth no figures.
    """
    single = [scenario for scenario in scenarios if scenario.environments == 1]
    groups = [single, *([one] for one in scenarios if one.environments > 1)]
    for group in groups:
        if group:
            yield _timeline([_Lane.of(scenario, busy=busy) for scenario in group])


def typical(scenario: Scenario) -> Round:
    """The round with the median wait, which the table also shows."""
    return sorted(scenario.rounds, key=_first_wait)[len(scenario.rounds) // 2]


def agent_calls(one: Round) -> list[ProviderCall]:
    """The agent's successful requests, by time."""
    calls = [call for call in one.calls if call.by == "agent" and call.first_token_ms is not None]
    return sorted(calls, key=lambda call: call.began_ms)


def warm_calls(one: Round) -> list[ProviderCall]:
    """Prefixwarm's requests, by time."""
    return sorted((call for call in one.calls if call.by != "agent"), key=lambda c: c.began_ms)


def _first_wait(one: Round) -> float:
    calls = agent_calls(one)
    return (calls[0].ttft_ms or 0.0) if calls else 0.0


@dataclass(frozen=True)
class _Lane:
    """One scenario's part of the drawing; times are seconds from its beginning."""

    scenario: Scenario
    one: Round
    busy: bool

    @classmethod
    def of(cls, scenario: Scenario, *, busy: bool) -> _Lane:
        return cls(scenario, typical(scenario), busy)

    @property
    def ends(self) -> float:
        return max(start.answered_ms for start in self.one.starts) / 1000

    @property
    def bar(self) -> float:
        """Height of one start's bar."""
        return max(_LEAST_BAR, min(_BAR, _MOST_HIGH / len(self.one.starts)))

    @property
    def height(self) -> float:
        bars = self.bar * len(self.one.starts)
        return _TITLE + bars + _WARM + 4 + _NOTE + _GAP

    def note(self, since: float) -> str:
        """The figures in words, with the warm calls drawn from `since` on."""
        parts = [f"first token {seconds(self.scenario.first_request.ttft_ms)}"]
        calls = [(c.began_ms, c.ended_ms) for c in warm_calls(self.one) if c.ended_ms is not None]
        drawn = [(began, ended) for began, ended in calls if ended / 1000 > since]
        if drawn:
            parts.append(f"warm call {seconds(max(ended - began for began, ended in drawn))}")
        if earlier := len(calls) - len(drawn):
            parts.append("1 warm call before" if earlier == 1 else f"{earlier} warm calls before")
        if not self.busy:
            parts.append(f"init {seconds(self.scenario.init_ms)}")
        return ", ".join(parts)


def seconds(milliseconds: float) -> str:
    """Seconds to show."""
    return f"{milliseconds / 1000:.2f} s"


def _timeline(lanes: Sequence[_Lane]) -> str:
    return drawings(
        "Starts on a time line: init phase, warm call, first token",
        lambda frame: _drawn(frame, lanes),
    )


def _drawn(frame: Frame, lanes: Sequence[_Lane]) -> tuple[int, list[str]]:
    ends = max(lane.ends for lane in lanes)
    before = [c.began_ms / 1000 for lane in lanes for c in warm_calls(lane.one)]
    begins = min([0.0, *(at for at in before if at > -_BEFORE * ends)])
    axis = AmountAxis(begins, ends, 4, frame.width - 8)
    bottom = HEIGHT + sum(lane.height for lane in lanes)
    parts = list(axis.parts(bottom - _GAP, lambda at: f"{at:g} s"))
    top: float = HEIGHT
    for lane in lanes:
        parts += _lane(axis, lane, top)
        top += lane.height
    return round(bottom), parts


def _lane(axis: AmountAxis, lane: _Lane, top: float) -> Iterator[str]:
    room = int(axis.width / _CHARACTER)
    yield text(axis.left, top + 14, _cut(lane.scenario.title, room))
    y = top + _TITLE
    kind = " thin" if lane.bar < _BAR else ""
    for start, calls in _by_start(lane.one):
        if start.init_ms is not None:
            yield _bar(
                axis, start.began_ms, start.began_ms + start.init_ms, y, lane.bar, f"init{kind}"
            )
        for call in calls:
            yield from _request(axis, call, y, lane.bar, kind)
        y += lane.bar
    for call in warm_calls(lane.one):
        if call.ended_ms is not None and call.ended_ms / 1000 > axis.least:
            yield _bar(axis, call.began_ms, call.ended_ms, y + 3, _WARM, "warm")
    yield text(axis.left, y + _WARM + 18, _cut(lane.note(axis.least), room), "soft")


def _by_start(one: Round) -> Iterator[tuple[Start, list[ProviderCall]]]:
    """Each start with its requests; of several starts, one request each in order of time."""
    starts = sorted(one.starts, key=lambda start: start.began_ms + (start.init_ms or 0.0))
    calls = agent_calls(one)
    if len(starts) == 1:
        yield starts[0], calls
        return
    for number, start in enumerate(starts):
        yield start, calls[number : number + 1]


def _request(
    axis: AmountAxis, call: ProviderCall, y: float, height: float, kind: str
) -> Iterator[str]:
    """Draw a request: to its first token, then to its last."""
    assert call.first_token_ms is not None
    if call.ended_ms is not None:
        yield _bar(axis, call.first_token_ms, call.ended_ms, y, height, f"answer{kind}")
    yield _bar(axis, call.began_ms, call.first_token_ms, y, height, f"wait{kind}")


def _bar(
    axis: AmountAxis, start_ms: float, end_ms: float, y: float, height: float, kind: str
) -> str:
    left, right = axis.x(start_ms / 1000), axis.x(end_ms / 1000)
    return bar(left, y, right - left, height, kind)


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else f"{words[: room - 1]}…"
