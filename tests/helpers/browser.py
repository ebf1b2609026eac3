"""Pages as headless Chromium lays them out, at the widths of a phone and of a desk."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PHONE, DESK = 360, 1200

# A browser's window has a least width; a frame has none.
_WRAPPER = """<!DOCTYPE html><title>measuring</title><body>%s<script>
const measured = frame => {
  const page = frame.contentDocument, problems = [];
  const drawings = [...page.querySelectorAll('svg.drawing')].filter(
    svg => svg.getBoundingClientRect().width > 0);
  let smallest = 99;
  drawings.forEach(svg => {
    const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll('text')];
    texts.forEach((text, i) => {
      const a = text.getBoundingClientRect();
      smallest = Math.min(smallest, parseFloat(getComputedStyle(text).fontSize) * scale);
      if (a.left < box.left - 1 || a.right > box.right + 1 || a.bottom > box.bottom + 1)
        problems.push('outside: ' + text.textContent);
      texts.slice(i + 1).forEach(other => {
        const b = other.getBoundingClientRect();
        if (a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom)
          problems.push('overlap: ' + text.textContent + ' / ' + other.textContent);
      });
    });
  });
  return {drawings: drawings.map(svg => svg.getBoundingClientRect().width), problems,
    smallest, width: page.documentElement.scrollWidth,
    paper: getComputedStyle(page.body).backgroundColor};
};
onload = () => { document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(
  measured)); };
</script></body>"""


def layouts(html: str, folder: Path, *, dark: bool = False) -> dict[int, dict[str, Any]]:
    """What a page looks like, by the width of the window.

    Widths of the drawings that are shown, what is wrong with their texts, the size in pixels of
    the smallest text, the width that all needs, and the colour of the paper.
    """
    frames = "".join(
        f'<iframe width="{width}" height="900" srcdoc="{escape(html, quote=True)}"></iframe>'
        for width in (PHONE, DESK)
    )
    target = folder / "frames.html"
    target.write_text(_WRAPPER % frames, encoding="utf-8")
    dom = _run(folder, ["--dump-dom", target.as_uri()], dark=dark)
    title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert title, dom[:500]
    return dict(zip((PHONE, DESK), json.loads(unescape(title[1])), strict=True))


def _run(folder: Path, arguments: list[str], *, dark: bool) -> str:
    scheme = "0" if dark else "1"
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1400,1500",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout
