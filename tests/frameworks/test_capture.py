"""Agents of every framework, unchanged: captured, warmed from the file, and run again.

The first request of the second run reads what was warmed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.capture.recording import record, run
from prefixwarm.lint.verdict import judge
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
PYTHON = (
    "sdk",
    "langchain",
    "langgraph",
    "pydantic_ai",
    "litellm",
    "strands",
    "instructor",
    "smolagents",
    "dspy",
)
JAVASCRIPT = ("@anthropic-ai/sdk@1.11.0", "ai@7.0.173", "@ai-sdk/anthropic@4.0.105")


def python_agent(name: str) -> list[str]:
    """The command that runs one framework's agent."""
    return [sys.executable, str(AGENTS / f"{name}_agent.py")]


def captured(command: list[str], folder: Path) -> list[PrefixFile]:
    """The prefix files that capture writes for an agent, read back."""
    with record() as recording:
        assert run([*command, *QUESTIONS], recording, output=sys.stderr) == 0
        extracted = prefixes_from_requests(recording.requests, name="agent")
    assert not [one for agent in extracted for one in agent.findings if one.severity == "error"]
    return [load(write(agent.prefix, folder)) for agent in extracted if agent.prefix]


def warmed(prefix: PrefixFile, environ: dict[str, str]) -> Usage:
    """Make one warm call as everybody does; what it billed."""
    connections, call = connect(environ), compile_prefix(prefix)
    reply = connections.provider.send(call, call.least_tokens, Deadline.after(60))
    connections.transport.close()
    return Usage.from_response(reply.usage)


def check_first_request(
    sim: Simulator, command: list[str], prefixes: list[PrefixFile], *, sends_more: bool = False
) -> None:
    """Warm, and run the agent in a new process: its first request reads all of its prefix.

    It writes no more than the question, where the agent marks that as well; unless the agent
    `sends_more`: other requests before, and a prompt of which a part is not shared.
    """
    environ = dict(os.environ)
    written = {prefix.name: warmed(prefix, environ).written for prefix in prefixes}
    warm_calls = len(sim.requests())
    subprocess.run([*command, "Another question"], check=True)
    requests = [sent for sent in sim.requests()[warm_calls:] if sent["usage"]]
    pairs = ((sent, prefix) for sent in requests for prefix in prefixes)
    request, prefix = next((sent, p) for sent, p in pairs if judge(p, sent["body"]).drift is None)
    usage = request["usage"]
    assert usage["cache_read_input_tokens"] >= 0.99 * written[prefix.name] > 990
    if not sends_more:
        assert request is requests[0]
        assert usage["cache_creation_input_tokens"] < 50


@pytest.mark.parametrize("name", PYTHON)
def test_python(name: str, sim: Simulator, tmp_path: Path) -> None:
    """At least 99 % of the prefix is read."""
    prefixes = captured(python_agent(name), tmp_path)
    # DSPy asks again by another adapter, which is another prompt.
    assert len(prefixes) == (2 if name == "dspy" else 1)
    check_first_request(sim, python_agent(name), prefixes)


@pytest.mark.parametrize("name", ["strands_bedrock", "langchain_converse"])
def test_on_bedrock(name: str, sim: Simulator, tmp_path: Path) -> None:
    """Converse, with the framework's own configuration."""
    prefixes = captured(python_agent(name), tmp_path)
    assert [prefix.route for prefix in prefixes] == ["bedrock-converse"]
    check_first_request(sim, python_agent(name), prefixes)


def test_the_middleware_adds_the_breakpoint(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To an agent without any caching of its own."""
    monkeypatch.setenv("AGENT_CACHING", "middleware")
    command = python_agent("pydantic_ai")
    with record() as recording:
        assert run([*command, *QUESTIONS], recording, output=sys.stderr) == 0
        (extracted,) = prefixes_from_requests(recording.requests, name="agent")
    assert [f.rule.id for f in extracted.findings if f.severity == "error"] == ["no-breakpoint"]
    assert extracted.prefix is not None
    prefix = load(write(extracted.prefix, tmp_path))
    monkeypatch.setenv("PREFIXWARM_PREFIXES", str(tmp_path))
    check_first_request(sim, command, [prefix])


def test_strands_on_bedrock_with_a_point(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not streamed, with a cache point that was placed by hand."""
    monkeypatch.setenv("AGENT_CACHING", "point")
    command = python_agent("strands_bedrock")
    check_first_request(sim, command, captured(command, tmp_path))


def test_litellm_on_bedrock(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converse by LiteLLM's own HTTP, which has a variable of its own."""
    monkeypatch.setenv("AGENT_PROVIDER", "bedrock/converse/global.anthropic.")
    command = python_agent("litellm")
    prefixes = captured(command, tmp_path)
    assert [prefix.route for prefix in prefixes] == ["bedrock-converse"]
    monkeypatch.setenv("AWS_BEDROCK_RUNTIME_ENDPOINT", sim.url)
    check_first_request(sim, command, prefixes)


def test_strands_on_bedrock_without_caching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told what to add, which Strands takes as it is."""
    monkeypatch.setenv("AGENT_CACHING", "none")
    with record() as recording:
        command = python_agent("strands_bedrock")
        assert run([*command, *QUESTIONS], recording, output=sys.stderr) == 0
        (extracted,) = prefixes_from_requests(recording.requests, name="agent")
    (missing,) = [finding for finding in extracted.findings if finding.severity == "error"]
    assert (missing.rule.id, missing.place) == ("no-breakpoint", "system[0]")
    assert '{"cachePoint": {"type": "default", "ttl": "1h"}} after system[0]' in missing.message


def test_claude_agent_sdk(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program adds blocks of its own to the prompt; what all requests share is warmed."""
    pytest.importorskip("claude_agent_sdk")
    # Its settings, and the permission to run as root in a container.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IS_SANDBOX", "1")
    command = [sys.executable, str(AGENTS / "claude_agent.py")]
    check_first_request(sim, command, captured(command, tmp_path), sends_more=True)


def test_a_model_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture sees what is sent, wherever it comes from."""
    monkeypatch.setenv("AGENT_MODEL", "claude-haiku-5-5")
    (prefix,) = captured(python_agent("sdk"), tmp_path)
    assert prefix.model == "claude-haiku-5-5"


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agents in JavaScript beside the packages that they need."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("javascript")
    for agent in AGENTS.glob("*.mjs"):
        shutil.copy(agent, folder)
    (folder / "package.json").write_text('{"private": true}')
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", *JAVASCRIPT],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip("npm cannot install the packages here")
    return folder


@pytest.mark.parametrize("name", ["typescript", "vercel"])
def test_javascript(name: str, javascript: Path, sim: Simulator, tmp_path: Path) -> None:
    """The official TypeScript SDK and the Vercel AI SDK honour the same variable."""
    command = ["node", str(javascript / f"{name}_agent.mjs")]
    check_first_request(sim, command, captured(command, tmp_path))
