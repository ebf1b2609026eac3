"""The README's blocks are run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.local_aws import LocalAws
from prefixwarm.simulator import running
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)

# Run by CI itself, or by the end-to-end tests.
RUN_ELSEWHERE = ("scripts/demo", "scripts/test", "pip install")

AGENT = """
import anthropic
anthropic.Anthropic().messages.create(
    model="claude-sonnet-5-5",
    max_tokens=50,
    system=[{
        "type": "text",
        "text": "You are the support agent of a shop for bicycle parts. " * 100,
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }],
    messages=[{"role": "user", "content": "Where is my order?"}],
)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean directory with somebody's agent in it."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "run_my_agent_once.py").write_text(AGENT)
    return folder


@pytest.fixture(scope="module")
def environment(place: Path) -> Iterator[dict[str, str]]:
    """What the reader's shell knows: the deployed table, and where provider and AWS are."""
    scripts = str(Path(sys.executable).parent)
    with LocalAws() as aws, running() as provider:
        create_state_table(aws, "warm")
        yield {
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "HOME": str(place),
            "PREFIXWARM_TABLE": "warm",
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "local",
            **aws.environment(),
        }


def run(command: str, place: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, shell=True, cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_commands_run_in_order(place: Path, environment: dict[str, str]) -> None:
    """Each `$` line works; after capture and a warm call, status and explain know the prefix."""
    commands = [c for c in COMMANDS if not c.startswith(RUN_ELSEWHERE)]
    assert [c.split()[1] for c in commands] == ["capture", "status", "explain"]
    run(commands[0], place, environment)
    run("prefixwarm warm support.prefix.json", place, environment)
    for command in commands[1:]:
        assert "support" in run(command, place, environment)


def test_construct_synthesises(
    place: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block for the stack gives a template with the layer on the agent's own function."""
    if not (place / "support.prefix.json").exists():
        run(next(c for c in COMMANDS if " capture " in c), place, environment)
    monkeypatch.chdir(place)
    template = _synthesised(PYTHON[0])
    functions = template.find_resources("AWS::Lambda::Function")
    layered = [f for f in functions.values() if f["Properties"].get("Layers")]
    assert len(layered) == 1
    assert "PREFIXWARM_TABLE" in layered[0]["Properties"]["Environment"]["Variables"]


def _synthesised(block: str) -> Any:
    from aws_cdk import App, Stack, assertions
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_secretsmanager as secretsmanager

    stack = Stack(App(), "Stack")
    names = {
        "self": stack,
        "secret": secretsmanager.Secret(stack, "Secret"),
        "agent_function": lambda_.Function(
            stack,
            "Agent",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="handler.handler",
            code=lambda_.Code.from_inline("def handler(event, context): ..."),
        ),
    }
    exec(textwrap.dedent(block), names)
    return assertions.Template.from_stack(stack)
