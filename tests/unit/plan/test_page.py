"""The page: it needs nothing else, and a real browser draws it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from prefixwarm.pages.document import escaped_line
from prefixwarm.plan.arrivals import Traffic, poisson
from prefixwarm.plan.comparison import compare
from prefixwarm.plan.costs import costs_of
from prefixwarm.plan.page import EXPLANATIONS, page
from prefixwarm.policy import RULES
from prefixwarm.policy.summaries import SUMMARIES
from tests.helpers.browser import PHONE, layouts, needs_chromium

Prefixes = Any
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def html(prefix: Prefixes) -> str:
    return page(compare(poisson(2, days=7), costs_of(prefix())), "support", "claude-sonnet-5-5")


def test_it_refers_to_nothing_outside(html: str) -> None:
    assert not re.search(r"https?://|<script|<link|src=|@import", html)


def test_every_element_is_closed(html: str) -> None:
    class Checker(HTMLParser):
        open: list[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "path"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    checker = Checker()
    checker.open = []
    checker.feed(html.replace("/>", ">"))
    assert checker.open == []


def test_names_are_escaped(prefix: Prefixes) -> None:
    made = compare(Traffic.of([0.0], "<b>file</b>"), costs_of(prefix()))
    assert "<b>file" not in page(made, "support", "<i>model</i>")


def test_it_shows_pings_misses_and_lives(html: str) -> None:
    for kind in ("request", "life", "refresh", "miss", "mark"):
        assert f'class="{kind}" d="M' in html


@pytest.mark.parametrize("arrivals", [[0.0], [0.0, 0.0], [5.0, 1e6], [1.7e9, 1.7e9 + 4000]])
def test_any_traffic_can_be_drawn(arrivals: list[float], prefix: Prefixes) -> None:
    made = compare(Traffic.of(arrivals, "a test"), costs_of(prefix()))
    assert "nan" not in page(made, "support", "model").lower().replace("finance", "")


@needs_chromium
@pytest.mark.slow
def test_it_can_be_read_on_a_phone_and_on_a_desk(html: str, tmp_path: Path) -> None:
    """No text leaves its drawing, overlaps or is tiny, and nothing needs a wider window."""
    for width, layout in layouts(html, tmp_path).items():
        assert layout["problems"] == []
        assert layout["width"] <= width
        assert layout["smallest"] >= 10
        assert [drawn > width * 0.8 for drawn in layout["drawings"]] == [True, True]


@needs_chromium
@pytest.mark.slow
def test_it_is_dark_where_the_reader_wants_that(html: str, tmp_path: Path) -> None:
    papers = [layouts(html, tmp_path, dark=dark)[PHONE]["paper"] for dark in (False, True)]
    assert papers == ["rgb(255, 255, 255)", "rgb(20, 24, 31)"]


def test_it_shows_real_dates_in_the_zone_of_the_times(prefix: Prefixes) -> None:
    """Half past eleven in the evening, in winter, is half past midnight in Paris."""
    times = [1_795_908_600.0 + 3600 * hour for hour in range(40)]
    shown = page(
        compare(Traffic.of(times, "a.csv", timezone="Europe/Paris"), costs_of(prefix())), "a", "m"
    )
    start, end = "Sun 29 Nov 2026, 00:30", "Mon 30 Nov 2026, 15:30"
    assert f"from {start} to {end} (Europe/Paris)" in shown
    assert ">Sun 29 Nov</text>" in shown
    assert ">12:00</text>" in shown


def test_random_requests_have_weekdays_and_no_dates(html: str) -> None:
    assert "2026" not in html
    assert ">Mon</text>" in html
    assert "Shown: the first " in html


def test_seconds_from_any_origin_have_no_dates(prefix: Prefixes) -> None:
    shown = page(compare(Traffic.of([0.0, 3e5], "a.csv"), costs_of(prefix())), "a", "m")
    assert "1970" not in shown
    assert ">day 1</text>" in shown


def test_each_policy_is_explained_as_in_the_docs(html: str, prefix: Prefixes) -> None:
    """One source: the page, docs/plan.md and docs/policy.md say the same sentences."""
    plan = compare(Traffic.of([0.0], "a test"), costs_of(prefix()))
    assert {row.policy for row in plan.rows} == set(EXPLANATIONS)
    of_plan, of_policy = (
        " ".join((DOCS / name).read_text("utf-8").split()) for name in ("plan.md", "policy.md")
    )
    assert all(escaped_line(sentence) in html for sentence in EXPLANATIONS.values())
    assert all(
        f"- **{name}**: {explanation}" in of_plan for name, explanation in EXPLANATIONS.items()
    )
    assert set(SUMMARIES) == set(RULES)
    assert all(
        f"| `{rule}` | {explanation} |" in of_policy for rule, explanation in SUMMARIES.items()
    )
