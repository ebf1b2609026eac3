"""Agents of every framework, unchanged: captured, warmed from the file, and run again.

The first request of the second run reads what was warmed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.capture.recording import record, run
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.state.outcome import Usage
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.simulator import Simulator

AGENTS = Path(__file__).parent / "agents"
QUESTIONS = ("Where is order 7?", "I want to cancel order 8.")
TYPESCRIPT = "@anthropic-ai/sdk@1.11.0"


@pytest.fixture(params=["sdk", "langchain", "langgraph", "pydantic_ai", "litellm", "strands"])
def python_agent(request: Any) -> list[str]:
    """The command that runs one framework's agent."""
    return [sys.executable, str(AGENTS / f"{request.param}_agent.py")]


def captured(command: list[str], folder: Path) -> PrefixFile:
    """The prefix file that capture writes for an agent, read back."""
    with record() as recording:
        assert run([*command, *QUESTIONS], recording, output=sys.stderr) == 0
        found = prefixes_from_requests(recording.requests, name="agent")
    errors = [each for each in found[0].findings if each.severity == "error"]
    assert errors == []
    prefix = found[0].prefix
    assert prefix is not None
    return load(write(prefix, folder))


def warmed(prefix: PrefixFile, environ: dict[str, str]) -> Usage:
    """Make one warm call as everybody does; what it billed."""
    connections, call = connect(environ), compile_prefix(prefix)
    reply = connections.provider.send(call, call.least_tokens, Deadline.after(60))
    connections.transport.close()
    return Usage.from_response(reply.usage)


def first_read(sim: Simulator) -> int:
    """Tokens that the first request after the warm read."""
    requests = [r for r in sim.requests() if r["usage"]]
    return int(requests[1]["usage"]["cache_read_input_tokens"])


def test_python(python_agent: list[str], sim: Simulator, tmp_path: Path) -> None:
    """At least 99 % of the prefix is read."""
    prefix = captured(python_agent, tmp_path)
    usage = warmed(prefix, dict(os.environ))
    assert usage.written > 1000
    subprocess.run([*python_agent, "Another question"], check=True)
    assert first_read(sim) >= 0.99 * usage.written


@pytest.mark.parametrize("caching", ["config", "point"])
def test_strands_on_bedrock(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caching: str
) -> None:
    """Converse: streamed with its cache configuration, or whole with a hand-placed point."""
    monkeypatch.setenv("AGENT_CACHING", caching)
    command = [sys.executable, str(AGENTS / "strands_bedrock_agent.py")]
    prefix = captured(command, tmp_path)
    assert prefix.route == "bedrock-converse"
    usage = warmed(prefix, dict(os.environ))
    assert usage.write_1h > 1000
    subprocess.run([*command, "Another question"], check=True)
    assert first_read(sim) >= 0.99 * usage.written


def test_litellm_on_bedrock(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converse by LiteLLM's own HTTP, which has a variable of its own."""
    monkeypatch.setenv("AGENT_PROVIDER", "bedrock/converse/global.anthropic.")
    command = [sys.executable, str(AGENTS / "litellm_agent.py")]
    prefix = captured(command, tmp_path)
    assert prefix.route == "bedrock-converse"
    usage = warmed(prefix, dict(os.environ))
    monkeypatch.setenv("AWS_BEDROCK_RUNTIME_ENDPOINT", sim.url)
    subprocess.run([*command, "Another question"], check=True)
    assert first_read(sim) >= 0.99 * usage.written > 990


def test_strands_on_bedrock_without_caching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told what to add, which Strands takes as it is."""
    monkeypatch.setenv("AGENT_CACHING", "none")
    with record() as recording:
        command = [sys.executable, str(AGENTS / "strands_bedrock_agent.py"), *QUESTIONS]
        assert run(command, recording, output=sys.stderr) == 0
        (found,) = prefixes_from_requests(recording.requests, name="agent")
    (missing,) = [each for each in found.findings if each.severity == "error"]
    assert (missing.rule.id, missing.place) == ("no-breakpoint", "system[0]")
    assert '{"cachePoint": {"type": "default", "ttl": "1h"}} behind system[0]' in missing.message


def test_claude_agent_sdk(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program adds blocks of its own to the prompt; what all requests share is warmed."""
    pytest.importorskip("claude_agent_sdk")
    # Its settings, and the permission to run as root in a container.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IS_SANDBOX", "1")
    command = [sys.executable, str(AGENTS / "claude_agent.py")]
    prefix = captured(command, tmp_path)
    usage = warmed(prefix, dict(os.environ))
    subprocess.run([*command, "Another question"], check=True)
    tools = [tool["name"] for tool in prefix.request["tools"]]
    reads = [
        r["usage"]["cache_read_input_tokens"]
        for r in sim.requests()[1:]
        if r["usage"] and [t["name"] for t in r["body"].get("tools") or []] == tools
    ]
    assert reads[0] >= 0.99 * usage.written > 990


def test_a_model_from_the_environment(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capture sees what is sent, wherever it comes from."""
    monkeypatch.setenv("AGENT_MODEL", "claude-haiku-5-5")
    prefix = captured([sys.executable, str(AGENTS / "sdk_agent.py")], tmp_path)
    assert prefix.model == "claude-haiku-5-5"


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The TypeScript agent beside the SDK that it needs."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copy(AGENTS / "agent.mjs", folder)
    (folder / "package.json").write_text('{"private": true}')
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", TYPESCRIPT],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip("npm cannot install the TypeScript SDK here")
    return ["node", str(folder / "agent.mjs")]


def test_typescript(typescript: list[str], sim: Simulator, tmp_path: Path) -> None:
    """The official TypeScript SDK honours the same variable."""
    prefix = captured(typescript, tmp_path)
    usage = warmed(prefix, dict(os.environ))
    subprocess.run([*typescript, "Another question"], check=True)
    assert first_read(sim) >= 0.99 * usage.written
