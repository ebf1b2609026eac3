"""The library's pages do what they say, against the simulator."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.testing import simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["library.md", "schedule.md", "testing.md"]


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def expected(code: str) -> list[str]:
    """What stands behind the ``print`` lines is what they print."""
    return re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The provider that the reader's environment names."""
    with simulator(clock="real") as sim:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sim.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "local")
        monkeypatch.chdir(tmp_path)
        yield


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("page", PAGES)
def test_the_code_prints_what_the_comments_say(page: str, recwarn: Any) -> None:
    """Blocks run in order, as one program."""
    names: dict[str, Any] = {}
    for code in blocks(page, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue().splitlines() == expected(code)


@pytest.mark.usefixtures("provider")
def test_the_price_of_an_interval(caplog: pytest.LogCaptureFixture) -> None:
    """As the page quotes it, but for the dollars, which hang on today's estimate of the tokens."""
    names: dict[str, Any] = {}
    with caplog.at_level(logging.WARNING, "prefixwarm"), contextlib.redirect_stdout(io.StringIO()):
        for code in blocks("schedule.md", "python")[:2]:
            exec(compile(code, "schedule.md", "exec"), names)
    (quoted,) = blocks("schedule.md", "text")
    messages = [without_dollars(record.getMessage()) for record in caplog.records]
    assert without_dollars(quoted.strip()) in messages


def without_dollars(text: str) -> str:
    """The text with its sums left out."""
    return re.sub(r"\$[\d.]+", "$", text)


@pytest.mark.usefixtures("provider")
def test_the_readmes_block() -> None:
    """With the prompt, the tools and the service of its reader."""
    (code,) = (code for code in blocks("../README.md", "python") if "WarmSchedule" in code)
    served: list[Any] = []
    schema = {"type": "object", "properties": {}}
    names = {
        "SYSTEM": "You are the support agent of a shop for bicycle parts. " * 150,
        "TOOLS": [{"name": "find_order", "description": "Find an order.", "input_schema": schema}],
        "serve": lambda *arguments: served.append(arguments),
    }
    exec(compile(code.replace("timeout=5", "timeout=60"), "README.md", "exec"), names)
    assert len(served) == 1
