"""The page of a run: everything that was measured, drawn for a phone and for a desk."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from prefixwarm.local.measured_run import (
    CacheEntry,
    FirstRequest,
    Machine,
    MeasuredRun,
    ProviderCall,
    Round,
    Scenario,
    Start,
)
from prefixwarm.local.run_page import page
from prefixwarm.simulator import Latency
from tests.helpers.browser import layouts, needs_chromium

if TYPE_CHECKING:
    from pathlib import Path

HOUR_MS = 3_600_000.0


def call(by: str, began_ms: float, wait_ms: float, usd: float | None = 0.0011) -> ProviderCall:
    """A request of 10,000 tokens, whose answer takes 60 ms more than its first token."""
    first = began_ms + wait_ms
    return ProviderCall(by, began_ms, first, first + 60, 200, 10, 10_000, 0, 5, usd)


def round_of(*calls: ProviderCall, starts: int = 1) -> Round:
    """Starts one after another, and an entry that lives an hour."""
    times = [Start(100.0 * n, 2000.0 + n, 4000.0 + 100 * n) for n in range(starts)]
    entry = CacheEntry(10_000, 3600, 1200.0, HOUR_MS, 1)
    return Round(tuple(times), calls, (entry,), busy_cores=0.1, prefixes=(), log=())


def scenario(name: str, title: str, *rounds: Round, ttft_ms: float = 400.0) -> Scenario:
    """A line whose figures do not matter."""
    first = FirstRequest(ttft_ms, 10_000, 0, 10, 0.0011)
    starts = len(rounds[0].starts)
    return Scenario(name, title, starts, first, 1, 0.024, 1, 2000.0, 10.0, rounds)


COLD = scenario("cold", "a start without the layer", round_of(call("agent", 2400, 1150, 0.0385)))
COLD = replace(COLD, first_request=FirstRequest(1150.0, 0, 10_000, 10, 0.0385), warm_calls=0)
LAYER = scenario(
    "layer",
    "a start with the layer",
    round_of(call("init", 100, 1150, 0.024), call("agent", 2400, 400)),
)
LATER = scenario(
    "later",
    "a start two hours later, with the keep-warm function's ticks at work until then",
    round_of(
        call("keepwarm", -2 * HOUR_MS, 1000),
        call("keepwarm", -1 * HOUR_MS, 1000),
        call("agent", 2400, 400),
    ),
)
STORM = scenario(
    "storm",
    "50 starts at once",
    round_of(call("init", 90, 1150), *(call("agent", 2400 + n, 400) for n in range(50)), starts=50),
)


def run_of(*scenarios: Scenario, app: str = "example", busy: bool = False) -> MeasuredRun:
    """A run on two cores."""
    latency = Latency(0.35, 12_000, 500_000, 80)
    return MeasuredRun(
        app, scenarios, latency, Machine(2, busy, 1.5 if busy else 0.0), {"prefixwarm": "0.1.0"}
    )


RUN = run_of(COLD, LAYER, LATER, STORM)


def test_it_refers_to_nothing_outside() -> None:
    assert not re.search(r"https?://|<script|<link|src=|@import", page(RUN))


def test_it_says_what_it_brings() -> None:
    """The start without the layer beside the best one."""
    assert (
        "The first token comes 0.40 s after the request instead of 1.15 s, and the first request "
        "costs $0.0011 instead of $0.0385."
    ) in page(RUN)


def test_it_draws_each_phase() -> None:
    html = page(RUN)
    for kind in ("init", "warm", "wait", "answer", "entry", "tick", "warm-tick"):
        assert f'class="{kind}"' in html
    assert html.count('class="wait thin"') == 2 * 50
    assert "2 warm calls before" in html


def test_what_is_not_known_is_unknown() -> None:
    """No bar for it, and no $0."""
    calls = (call("init", 100, 1000, None), call("agent", 2400, 400, None))
    bare = replace(COLD, warm_cost_usd=None, rounds=(round_of(*calls),))
    assert "unknown + unknown" in page(run_of(bare))


def test_failed_requests_and_silent_emulators_are_drawn_as_far_as_they_go() -> None:
    failed = replace(call("agent", 2400, 0), first_token_ms=None, ended_ms=None, status=500)
    silent = Round((Start(0.0, None, 3000.0),), (failed,), (), 0.0, (), ())
    html = page(run_of(replace(COLD, rounds=(silent,))))
    assert "nan" not in html.lower()
    assert "None" not in html


def test_text_of_the_app_is_escaped() -> None:
    html = page(run_of(replace(COLD, title="<b>x</b>"), app="<i>mine</i>"))
    assert "<b>" not in html
    assert "<i>" not in html


@pytest.mark.parametrize("busy", [True, False])
def test_a_busy_machine_is_said(busy: bool) -> None:
    """It has no init phases worth figures, as in the table."""
    html = page(run_of(COLD, busy=busy))
    assert ("This machine was busy" in html) is busy
    assert ("init 2.00 s" in html) is not busy
    assert ('data-name="init"' in html) is not busy


@needs_chromium
@pytest.mark.slow
def test_it_can_be_read_on_a_phone_and_on_a_desk(tmp_path: Path) -> None:
    """No text leaves its drawing, overlaps or is tiny, and nothing needs a wider window."""
    for width, layout in layouts(page(RUN), tmp_path).items():
        assert layout["problems"] == []
        assert layout["width"] <= width
        assert layout["smallest"] >= 10
        assert len(layout["drawings"]) == 4
