"""`prefixwarm build`: what it takes from the user's module, and from the user's SDK."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

if TYPE_CHECKING:
    from pathlib import Path

with anthropic.Anthropic(api_key="-") as client:
    SENT = str(client.default_headers["anthropic-version"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command runs in; modules of it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    return tmp_path


@pytest.mark.parametrize(
    ("route", "version", "header", "field"),
    [
        ("anthropic", "", SENT, None),
        ("anthropic", "headers={'anthropic-version': '2023-06-01'}", "2023-06-01", None),
        ("bedrock", "", None, SENT),
        ("bedrock", "anthropic_version='bedrock-2023-05-31'", None, "bedrock-2023-05-31"),
    ],
)
def test_build_names_the_version_that_the_agents_sdk_sends(
    cli: Any, folder: Path, route: str, version: str, header: str | None, field: str | None
) -> None:
    """Unless the Prefix names another."""
    name = f"mine_{route}_{len(version)}"
    (folder / f"{name}.py").write_text(
        "from prefixwarm import Prefix\n"
        f"P = Prefix('mine', model='claude-sonnet-5-5', system='Help. ' * 900, route='{route}',\n"
        f"    {version})\n"
    )
    assert cli("build", f"{name}:P").code == 0
    document = json.loads((folder / "mine.prefix.json").read_text())
    assert document["headers"].get("anthropic-version") == header
    assert document["request"].get("anthropic_version") == field


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('stop')", "cannot be loaded: SystemExit: stop"),
        ("raise ValueError('two\\nlines')", "cannot be loaded: ValueError: two lines"),
        ("P = (", "cannot be loaded: SyntaxError: "),
        ("from prefixwarm import Prefix; P = Prefix('x', model='m')", "neither tools nor"),
        (
            "from prefixwarm import Prefix; P = Prefix('x', model='m', system='s', route='moon')",
            "unknown route 'moon'",
        ),
    ],
)
def test_build_of_a_module_that_fails(cli: Any, folder: Path, code: str, says: str) -> None:
    """Whatever it does, it is one line."""
    name = f"broken_{abs(hash(code))}"
    (folder / f"{name}.py").write_text(f"print('noise')\n{code}\n")
    ran = cli("build", f"{name}:P")
    assert (ran.code, ran.out) == (2, "")
    *noise, line = ran.err.splitlines()
    assert noise in ([], ["noise"])
    assert line.startswith("prefixwarm: ")
    assert says in line
    assert list(folder.glob("*.json")) == []


def test_build_needs_no_network(cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of proxies, certificates and keys."""
    monkeypatch.setenv("HTTPS_PROXY", "junk://nowhere")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "junk")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "nobody")
    (folder / "lonely.py").write_text(
        "from prefixwarm import Prefix; P = Prefix('mine', model='m', system='Help. ' * 900)"
    )
    ran = cli("build", "lonely:P")
    assert (ran.code, ran.err) == (0, "")
