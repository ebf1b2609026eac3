"""A line of progress: on a terminal alone, gone before anything else is printed."""

from __future__ import annotations

import io
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from prefixwarm.cli import progress as module
from prefixwarm.cli.output import note
from prefixwarm.cli.progress import progress, progress_lines
from tests.helpers.waiting import PATIENCE


class Terminal(io.StringIO):
    """A terminal that says when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error as a terminal, with what lasts a second lasting no time."""
    made = Terminal()
    # The stream itself is the test runner's to replace.
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=made))
    monkeypatch.setattr(module, "_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(module, "_LINES_AT", (0.0, 10.0, 60.0))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    return made


def test_it_is_shown_and_erased(terminal: Terminal) -> None:
    with progress("building the layer"):
        assert terminal.written.wait(PATIENCE)
    assert "building the layer ... 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_message_is_on_a_line_of_its_own(terminal: Terminal) -> None:
    with progress("asking AWS"):
        assert terminal.written.wait(PATIENCE)
        note("prefixwarm: warning: something")
        assert terminal.getvalue().endswith("\r\x1b[K")


def test_beside_an_agent_it_is_lines_that_stay(terminal: Terminal) -> None:
    with progress_lines("the agent is at work", lambda: "2 model calls so far"):
        assert terminal.written.wait(PATIENCE)
    assert terminal.getvalue() == "the agent is at work, 2 model calls so far ... 0 s\n"


def test_it_is_erased_after_an_error_too(terminal: Terminal) -> None:
    def interrupted() -> None:
        with progress("asking AWS"):
            assert terminal.written.wait(PATIENCE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"TERM": "dumb"}])
def test_nothing_in_ci_or_where_no_line_can_be_erased(
    terminal: Terminal, monkeypatch: Any, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with progress("a"), progress_lines("b"):
        assert not terminal.written.wait(0.1)


def test_nothing_in_a_pipe(terminal: Terminal, monkeypatch: Any) -> None:
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with progress("a"), progress_lines("b"):
        assert not terminal.written.wait(0.1)


def test_text_from_outside_cannot_steer_the_terminal(terminal: Terminal) -> None:
    with progress("importing \x1b[2J\nforged"):
        assert terminal.written.wait(PATIENCE)
    assert "\x1b[2J" not in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_a_terminal_that_is_gone_is_none_of_the_works_business(
    terminal: Terminal, monkeypatch: Any
) -> None:
    tried = Event()

    def gone(_text: str) -> int:
        tried.set()
        raise OSError

    monkeypatch.setattr(terminal, "write", gone)
    with progress("asking AWS"):
        assert tried.wait(PATIENCE)
