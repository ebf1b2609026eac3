"""A warmed prefix, and an observer whose lines a test can read."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from prefixwarm.observe import Observer
from prefixwarm.observe.matcher import Warmed
from prefixwarm.state.memory import MemoryState
from tests.helpers.prefixes import make_prefix


def body(question: str = "hello", **changes: Any) -> dict[str, Any]:
    """An agent's request."""
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {}}}],
        "system": [
            {
                "type": "text",
                "text": "You are a helper. " * 400,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            }
        ],
        "messages": [{"role": "user", "content": question}],
        **changes,
    }


@pytest.fixture
def make_body() -> Any:
    """`body`, for tests."""
    return body


@pytest.fixture
def prefix() -> Any:
    """What is warmed."""
    return make_prefix("support", body())


class Comparisons(Warmed):
    """A prefix for a matcher; `results` are those of the comparisons with any such prefix."""

    results: ClassVar[list[str | None]]

    def first_difference(self, *arguments: Any) -> str | None:
        """See `Warmed`."""
        self.results.append(super().first_difference(*arguments))
        return self.results[-1]


@pytest.fixture
def comparisons() -> type[Comparisons]:
    """Prepares prefixes for the matcher of one test."""

    class Own(Comparisons):
        results: ClassVar[list[str | None]] = []

    return Own


class Watched:
    """An observer, its lines, and the state that it tells."""

    def __init__(self, *prefixes: Any, state: Any = None) -> None:
        self.lines: list[Any] = []
        self.state = state or MemoryState()
        self.observer = Observer(prefixes, state=self.state, emit=self._keep)

    def _keep(self, line: str) -> None:
        self.lines.append(json.loads(line))

    @property
    def results(self) -> list[str]:
        assert self.observer.flush(30)
        return [line["result"] for line in self.lines if "result" in line]

    @property
    def drifts(self) -> list[tuple[str, str, str]]:
        assert self.observer.flush(30)
        return [(x["drift"], x["place"], x["why"]) for x in self.lines if "place" in x]


@pytest.fixture
def make_watched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make observers."""
    for name in ("PREFIXWARM_TABLE", "PREFIXWARM_PREFIXES", "PREFIXWARM_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    return Watched


@pytest.fixture
def watched(prefix: Any, make_watched: Any) -> Watched:
    """An observer of that prefix."""
    watched: Watched = make_watched(prefix)
    return watched
