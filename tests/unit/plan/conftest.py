from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.prefix_file import build
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.prefix.prefix_file import PrefixFile

SONNET = {"input": 2, "read": 0.1, "write_5m": 2.5, "write_1h": 4, "output": 10}


def make(name: str = "support", *, tokens: int = 20_000, **changes: Any) -> PrefixFile:
    """A prefix whose uncached read costs $0.04, or what the changes make of it."""
    agent = {
        "model": changes.pop("model", "claude-sonnet-5-5"),
        "max_tokens": 1024,
        "system": "You answer questions about orders. " * 200,
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
    }
    prices = {"as_of": "2026-11-21", "source": "a test", "usd_per_mtok": SONNET}
    return build(
        name,
        derive(agent),
        headers={"anthropic-version": "2026-10-21"},
        tokens={"counted": tokens, "minimum": 512},
        prices=changes.pop("prices", prices),
    )


@pytest.fixture(scope="session")
def prefix() -> Callable[..., PrefixFile]:
    """Makes prefixes: see `make`."""
    return make


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A prefix file on disk."""
    return prefix_file.write(make(), tmp_path)


@pytest.fixture
def plan(file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `prefixwarm plan` on the file: exit code, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["plan", str(file), *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def planned(plan: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, Any]]:
    """The JSON document of a plan that succeeds."""

    def call(*arguments: object) -> dict[str, Any]:
        code, out, err = plan("--json", *arguments)
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    return call
