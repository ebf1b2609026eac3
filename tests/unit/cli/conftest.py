"""The command line in this process, and a prefix file to work on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.prefix.prefix_file import dumps, write
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path


class Ran(NamedTuple):
    """A command's exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command without any setting from outside."""
    for name in ("PREFIXWARM_TABLE", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Ran:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def request_body() -> dict[str, Any]:
    """An agent's request that is good to warm."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "You are a helper. " * 400, "cache_control": marker}],
        "messages": [{"role": "user", "content": "hello"}],
    }


@pytest.fixture
def prefix_path(tmp_path: Path, request_body: dict[str, Any]) -> Path:
    """A valid prefix file."""
    return write(make_prefix("support", request_body), tmp_path)


@pytest.fixture
def spoil(tmp_path: Path, request_body: dict[str, Any]) -> Any:
    """Write a prefix file with some fields changed, unchecked; a dotted name reaches inside."""

    def make(**changes: Any) -> Path:
        document = json.loads(dumps(make_prefix("support", request_body)))
        for field, value in changes.items():
            *outer, last = field.split("__")
            target = document
            for container in outer:
                target = target[container]
            target[last] = value
        path = tmp_path / "support.prefix.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return make
