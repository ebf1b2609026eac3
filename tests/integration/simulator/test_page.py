"""The page at ``/``, in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.simulator import Simulator
    from tests.integration.simulator.conftest import Api, MakeJson, MakeText


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def rendered(url: str, folder: Path) -> str:
    """The page's document after its scripts have run."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={folder}", "--virtual-time-budget=3000", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout


def rows(document: str, table: str) -> list[list[str]]:
    """The cells' texts of a table's body."""
    [inside] = re.findall(rf'<tbody id="{table}">(.*?)</tbody>', document, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", inside, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in row] for row in cells]


@needs_chromium
def test_the_page_shows_entries_requests_and_why_they_missed(
    sim: Simulator, api: Api, body: MakeJson, mark: MakeJson, words: MakeText, tmp_path: Path
) -> None:
    api.send(body())
    api.send(body(max_tokens=5))
    api.send(body(system=[mark(words(2000, "z"))]))
    api.send(body(output_config={"effort": "low"}))
    sim.advance(400)
    api.send(body())
    api.send(body(messages=[]))
    document = rendered(sim.url, tmp_path)
    [entry] = rows(document, "entries")
    assert entry[1] == "claude-sonnet-4-6"
    assert entry[3:5] == ["2,000", "5m"]
    assert re.fullmatch(r"(4 min \d+|5 min 0) s", entry[5])
    shown = rows(document, "requests")
    assert [row[0] for row in shown] == ["6", "5", "4", "3", "2", "1"]
    refused, expired, effort, changed, hit, first = (row[4:8] + row[9:] for row in shown)
    assert first == ["0", "2,000", "1", "", ""]
    assert hit == ["2,000", "0", "1", "", ""]
    assert changed == [
        "0",
        "2,000",
        "1",
        "2,000",
        "system: system.0 content differs from request 2",
    ]
    assert effort[3:] == ["2,000", "tools: output_config.effort differs from request 3"]
    assert expired[3:] == ["2,000", "expired since request 2"]
    assert refused[:3] == ["", "", ""]
    assert "at least one message" in refused[4]


@needs_chromium
def test_an_empty_simulator_says_so(sim: Simulator, tmp_path: Path) -> None:
    document = rendered(sim.url, tmp_path)
    assert rows(document, "entries") == [["Nothing is cached."]]
    assert rows(document, "requests") == [["No request yet."]]
    assert "manual clock" in document


@needs_chromium
def test_what_clients_send_is_shown_as_text(
    sim: Simulator, api: Api, body: MakeJson, tmp_path: Path
) -> None:
    api.send(body(model="<img src=x onerror=alert(1)>"))
    document = rendered(sim.url, tmp_path)
    assert "<img" not in document
    assert "&lt;img src=x" in document


def test_misses_name_the_nearest_earlier_request(
    sim: Simulator, api: Api, body: MakeJson, words: MakeText
) -> None:
    def numbered(*marks: int) -> list[dict]:
        blocks = [{"type": "text", "text": f"{i:04d}" * 100} for i in range(40)]
        for at in marks:
            blocks[at]["cache_control"] = {"type": "ephemeral"}
        return blocks[: max(marks) + 1]

    api.send(body(system=numbered(14)))
    api.send(body(system=numbered(39)))
    listed = api.client.get("/_sim/requests?explain=1&body=0&limit=1").json()["requests"]
    assert listed[0]["missed"] == {"tokens": 1500, "request": 1, "reason": "lookback"}
    assert "body" not in listed[0]


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=%C2%B2"])
def test_bad_limits_are_refused(api: Api, query: str) -> None:
    for what in ("requests", "entries"):
        reply = api.client.get(f"/_sim/{what}?{query}")
        assert reply.status_code == 400
        assert "limit" in reply.json()["error"]
