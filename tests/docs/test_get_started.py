"""The first steps and the comparison run as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack, assertions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.cli.command_group import run as command_line
from prefixwarm.simulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"

HANDLER = """
import os
import anthropic
import boto3

table = os.environ["TABLE_NAME"]
secret = boto3.client("secretsmanager").get_secret_value(SecretId="key")
client = anthropic.Anthropic(api_key=secret["SecretString"])

def handler(event, context):
    system = "You are the support agent of a shop for bicycle parts. " * 700
    client.messages.create(
        model="claude-sonnet-5-5",
        max_tokens=50,
        system=[{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": event["question"]}],
    )
"""


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's directory, with the agent and the handler of the guide."""
    place = tmp_path_factory.mktemp("reader")
    agent, ask_handler, _ = blocks("get-started.md", "python")
    (place / "agent.py").write_text(agent)
    (place / "ask_handler.py").write_text(ask_handler)
    (place / "app.py").write_text(HANDLER)
    return place


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """What the reader's shell holds: the commands, a provider and a key."""
    scripts = str(Path(sys.executable).parent)
    with running() as provider:
        yield {
            **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "HOME": str(folder),
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "local",
        }


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def printed(folder: Path, environment: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What each command of the guide printed, beside what the guide shows."""
    shown: dict[str, tuple[str, str]] = {}
    for block in blocks("get-started.md", "console"):
        for command, output in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if not command.startswith("pip "):
                shown[command] = (run(command, folder, environment), output)
    return shown


def test_the_commands_print_what_the_guide_shows(printed: dict[str, tuple[str, str]]) -> None:
    """And the state that the warm call leaves is warm."""
    assert [command.split()[1] for command in printed] == [
        *("capture", "check", "plan", "warm", "warm", "status")
    ]
    for output, shown in printed.values():
        assert not shown or output == shown
    (status,) = (output for command, (output, _) in printed.items() if "status" in command)
    assert re.search(r"^support +warm ", status, re.MULTILINE)


def test_a_handler_is_captured(folder: Path, environment: dict[str, str]) -> None:
    """By the command that the guide names."""
    text = (DOCS / "get-started.md").read_text("utf-8")
    command = re.search(r"`(prefixwarm capture [^`]*ask_handler.py)`", text)
    assert command is not None
    elsewhere = command[1].replace("--name support", "--name support --out handler")
    assert "support.prefix.json" in run(elsewhere, folder, environment)


@pytest.mark.usefixtures("printed")
def test_the_construct_of_the_guide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives a template with the layer on the reader's function; a gateway is set in one line."""
    monkeypatch.chdir(folder)
    stack = Stack(App(), "Stack")
    function = lambda_.Function(
        stack,
        "Agent",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="handler.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    names: dict[str, Any] = {
        "stack": stack,
        "secret": secretsmanager.Secret(stack, "Secret"),
        "agent_function": function,
    }
    exec(blocks("get-started.md", "python")[2], names)
    (gateway,) = blocks("gateways.md", "python")
    exec(gateway, names)
    functions = assertions.Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    environments = [f["Properties"].get("Environment", {}) for f in functions.values()]
    urls = [held["Variables"].get("ANTHROPIC_BASE_URL") for held in environments if held]
    assert "https://gateway.example" in urls
    assert len([f for f in functions.values() if f["Properties"].get("Layers")]) == 1


@pytest.mark.usefixtures("printed")
def test_the_figures_of_the_comparison(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of `plan`, with AWS's charge in the last column."""
    monkeypatch.chdir(folder)
    text = (DOCS / "compared.md").read_text("utf-8")
    rows = re.findall(r"^\| (?:one|30) .*$", text, re.MULTILINE)
    figures = [[float(f) for f in re.findall(r"\$([\d.]+)", row)] for row in rows]
    commands = re.findall(r"^\$ (prefixwarm plan .+)$", text, re.MULTILINE)
    assert len(commands) == len(figures) == 3
    for command, shown in zip(commands, figures, strict=True):
        assert command_line([*shlex.split(command)[1:], "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        month = {row["policy"]: row["usd_per_month"] for row in document["policies"]}
        ways = [month[way] for way in ("do nothing", "1 h TTL alone", "4-minute pings")]
        assert [*ways, month["auto"] + document["aws_usd_per_month"]] == pytest.approx(
            shown, abs=0.006
        )
