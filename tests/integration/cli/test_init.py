"""From a project to the lines that keep its prefix warm."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from prefixwarm.cli.command_group import run
from prefixwarm.cli.deployment_lines import lines_for
from prefixwarm.prefix.prefix_file import load, write
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AGENT = """
import anthropic

with anthropic.Anthropic() as client:
    for question in ("Which chain fits?", "And which saddle for a gravel bike?"):
        client.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=20,
            system=[
                {
                    "type": "text",
                    "text": "You are the support agent of a bicycle shop. " * 400,
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                }
            ],
            messages=[{"role": "user", "content": question}],
        )
"""
# The same by the standard library, where the SDK, whose import takes a second, is not the matter.
LIGHT = """
import json, os, urllib.request

for question in ("Which chain fits?", "And which saddle for a gravel bike?"):
    text = "You are the support agent of a bicycle shop. " * 400
    marker = {"type": "ephemeral", "ttl": "1h"}
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 20,
        "system": [{"type": "text", "text": text, "cache_control": marker}],
        "messages": [{"role": "user", "content": question}],
    }
    headers = {
        "x-api-key": os.environ["ANTHROPIC_API_KEY"],
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
    }
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    call = urllib.request.Request(url, json.dumps(body).encode(), headers)
    urllib.request.urlopen(call).close()
"""
RULES = ("auto", "ski", "hazard", "never")
REQUEST = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 20,
    "system": [
        {"type": "text", "text": "You sell lamps. " * 900, "cache_control": {"type": "ephemeral"}}
    ],
    "messages": [{"role": "user", "content": "Which?"}],
}
KEYS = ("secret:my/claude-key", "parameter:/claude/key")


def agent_function(stack: Stack) -> lambda_.Function:
    """What the lines are attached to."""
    return lambda_.Function(
        stack,
        "Agent",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): return 1"),
    )


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Callable[..., Any]:
    """Run `init` in a project of its own; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "light.py").write_text(LIGHT)

    def call(*arguments: str, agent: str = "light.py") -> tuple[int, str, str]:
        command = ["init", "--name", "support", *arguments, "--", sys.executable, agent]
        return run(command), *capfd.readouterr()

    return call


@pytest.mark.parametrize("key", KEYS)
def test_the_lines_for_cdk_synthesise(init: Any, key: str, tmp_path: Path) -> None:
    """As they are printed, in a stack with the agent's function."""
    code, out, _ = init("--key", key, "--tool", "cdk", "--yes", agent="agent.py")
    assert code == 0
    assert (tmp_path / "prefixes" / "support.prefix.json").exists()
    lines = out.partition("# In the stack that holds the agent's function:\n")[2]
    stack = Stack(App(), "Shop")
    function = agent_function(stack)
    exec(lines, {"self": stack, "agent_function": function})
    assert stack.node.find_child("Warm").attached == (function,)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ("sam", "prefixwarm layer package --prefixes prefixes --policy auto --out build"),
        ("terraform", "functions   = { support = [aws_lambda_function.agent.function_name] }"),
    ],
)
def test_the_lines_for_the_others(init: Any, tool: str, says: str) -> None:
    """What each of them needs."""
    code, out, err = init("--key", KEYS[0], "--tool", tool, "--yes")
    assert (code, says in out) == (0, True)
    # Nothing shows the folder that is gone afterwards.
    assert "prefixwarm-init-" not in out + err
    assert out.splitlines()[1].startswith("prefixes/support.prefix.json ")


@pytest.mark.parametrize(("rate", "says"), [("0.04", "Do not keep"), ("2", "Keep this warm")])
def test_the_plan_names_the_rule(init: Any, rate: str, says: str) -> None:
    """In the words of `plan`, for the traffic that is given."""
    _, out, _ = init("--key", KEYS[0], "--tool", "sam", "--rate", rate, "--yes")
    assert f"plan: support: {says}" in out
    rule = re.findall(r"with the rule (\w+) and", out) or ["never"]
    assert f"--policy {rule[0]} --out build" in out


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_lines_that_work(rule: str, tmp_path: Path) -> None:
    """`always` is none that a plan recommends."""
    path = write(make_prefix("support", REQUEST), tmp_path)
    lines = lines_for("cdk", [load(path)], tmp_path, keep_warm=rule, key=("secret", "my/key"))
    assert f"keep_warm=KeepWarm.{'off' if rule == 'never' else rule}()" in lines
    stack = Stack(App(), "Shop")
    exec(lines, {"self": stack, "agent_function": agent_function(stack)})


def test_nothing_is_written_unseen(init: Any, tmp_path: Path) -> None:
    """Without a terminal and without `--yes`, or where capture fails."""
    code, _, err = init("--key", KEYS[0], "--tool", "cdk")
    assert (code, "nothing was written" in err) == (2, True)
    code, _, err = init("--key", KEYS[0], "--tool", "cdk", "--yes", agent="missing.py")
    assert (code, "nothing was written" in err) == (1, True)
    assert not (tmp_path / "prefixes").exists()


def test_what_is_there_already_is_left_alone(init: Any, tmp_path: Path) -> None:
    """And said."""
    init("--key", KEYS[0], "--tool", "cdk", "--yes")
    file = tmp_path / "prefixes" / "support.prefix.json"
    before = file.stat().st_mtime_ns
    _, out, _ = init("--key", KEYS[0], "--tool", "cdk")
    assert "is there already" in out
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--key", "sk-ant-0123456789abcdef", "--tool", "cdk", "--yes"), "--key"),
        (("--key", KEYS[0], "--yes"), "--tool: is missing"),
        (("--rate", "1", "--arrivals", "x"), "--rate and --arrivals: give only one"),
    ],
)
def test_what_is_missing_is_named(init: Any, arguments: tuple[str, ...], says: str) -> None:
    """Where nobody can be asked; a key itself is not repeated."""
    code, _, err = init(*arguments)
    assert (code, says in err) == (2, True)
    assert "0123456789" not in err


def test_plan_is_for_the_hours_that_are_given(init: Any, tmp_path: Path) -> None:
    """As with `plan`, which has the same options; times without a zone are of `--tz`."""
    monthly = []
    for hours in ((), ("--hours", "08-18", "--weekdays", "mon-fri", "--tz", "Europe/Paris")):
        _, out, _ = init("--key", KEYS[0], "--tool", "sam", "--rate", "2", *hours, "--yes")
        monthly += re.findall(r"instead of \$([\d.]+) for doing nothing", out)
    assert float(monthly[1]) < float(monthly[0]) / 2
    code, _, err = init("--rate", "2", "--hours", "8-8", "--yes")
    assert (code, "hours: write two different times" in err) == (2, True)


def test_all_columns_can_be_shown(init: Any) -> None:
    """The hint of the table that `capture` prints names an option of `init`."""
    code, out, _ = init("--key", KEYS[0], "--tool", "cdk", "--yes", "--wide")
    assert (code, "REQUESTS" in out) == (0, True)
