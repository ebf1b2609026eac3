"""The page: it needs nothing else, and a real browser draws it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.plan.arrivals import Traffic, poisson
from prefixwarm.plan.comparison import compare
from prefixwarm.plan.costs import costs_of
from prefixwarm.plan.page import page
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

Prefixes = Any
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.slow
def test_a_browser_draws_it_within_its_borders(html: str, tmp_path: Path) -> None:
    """A script that the test adds measures every text: none leaves its drawing or overlaps."""
    measure = """<script>
    const out = []; const boxes = [...document.querySelectorAll('svg')].map(svg => {
      const frame = svg.getBoundingClientRect();
      const texts = [...svg.querySelectorAll('text')].map(t => t.getBoundingClientRect());
      texts.forEach((a, i) => { if (a.left < frame.left - 1 || a.right > frame.right + 1 ||
        a.bottom > frame.bottom + 1) out.push('outside ' + i);
        texts.slice(i + 1).forEach(b => { if (a.left < b.right && b.left < a.right &&
          a.top + 3 < b.bottom && b.top + 3 < a.bottom) out.push('overlap ' + i); }); });
      return frame.width > 600 && frame.height > 150; });
    document.title = JSON.stringify([boxes, out, document.body.scrollWidth <= innerWidth]);
    </script></body>"""
    target = tmp_path / "plan.html"
    target.write_text(html.replace("</body>", measure), encoding="utf-8")
    dom = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1200,1500",
            "--dump-dom",
            target.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    assert "<title>[[true,true],[],true]</title>" in dom
