"""The blocks of the guides do what they say."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import _base_client
from botocore.session import Session

from prefixwarm.cli.command_group import COMMANDS, run
from prefixwarm.lint.verdict import judge
from prefixwarm.policy import Policy
from prefixwarm.prefix.warm_request import PLACEHOLDER
from tests.helpers.prefixes import make_prefix

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_code_of_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request of the `Prefix` reads what is built from it."""
    monkeypatch.delenv("PREFIXWARM_TABLE", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    namespace: dict[str, Any] = {}
    for code in blocks("capture.md", "python"):
        exec(code, namespace)
    support = namespace["SUPPORT"]
    prefix = make_prefix("support", support.request([PLACEHOLDER]))
    assert judge(prefix, namespace["request"]).hit
    answers = namespace["capture_agent"](lambda event, context: (event, context.function_name))
    assert answers == [(event, "agent") for event in namespace["EVENTS"]]


def test_the_code_of_observe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes the middleware; `instrument` gives it to every other one, once."""
    monkeypatch.delenv("PREFIXWARM_TABLE", raising=False)
    for owner in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient):
        monkeypatch.setattr(owner, "__init__", owner.__init__)
    monkeypatch.setattr(Session, "create_client", Session.create_client)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    namespace: dict[str, Any] = {}
    for code in blocks("observe.md", "python"):
        exec(code, namespace)
    with anthropic.Anthropic(api_key="k") as other, namespace["client"] as own:
        assert [len(client.middleware) for client in (own, other)] == [1, 1]
        assert len(own.with_options(max_retries=0).middleware) == 1


@pytest.mark.parametrize("page", ["policy.md", "prices.md"])
def test_the_code_gives_what_the_comment_says(page: str) -> None:
    """What stands behind `#` at the end is the value of the last expression."""
    (code,) = blocks(page, "python")
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), page, "exec"), namespace)
    value = eval(compile(ast.Expression(last.value), page, "eval"), namespace)
    comment = " ".join(re.findall(r"# *(.*)", "\n".join(code.splitlines()[last.lineno - 1 :])))
    assert repr(value) == comment


def test_a_policy_is_read_as_the_guide_writes_it() -> None:
    """With all the limits of the block."""
    (text,) = blocks("policy.md", "json")
    policy = Policy.of(json.loads(text))
    assert policy.hours is not None
    assert len(policy.before) == 1


def test_every_command_is_listed() -> None:
    """In the table of the command line's page."""
    listed = re.findall(
        r"`([a-z]+)[^`]*`",
        "".join(
            line.split("|")[1]
            for line in (DOCS / "cli.md").read_text("utf-8").splitlines()
            if line.startswith("| `")
        ),
    )
    assert list(dict.fromkeys(listed)) == list(COMMANDS)


PAGES = ("ask", "attach", "capture", "check", "cli", "plan", "simulator", "try")


@pytest.mark.parametrize("page", [f"{name}.md" for name in PAGES])
def test_options_exist(page: str, capsys: Any) -> None:
    """Each option that a console block or a table names is one of the command."""
    text = (DOCS / page).read_text("utf-8")
    for command, rest in re.findall(r"^\$ prefixwarm ([a-z]+)(.*)$", text, re.MULTILINE):
        run([command, "-h"])
        help_text = capsys.readouterr().out
        own = rest.partition(" -- ")[0]
        assert [o for o in re.findall(r"--[a-z-]+", own) if o not in help_text] == []


def test_the_options_of_check(capsys: Any) -> None:
    """The table lists all of them."""
    run(["check", "-h"])
    options = set(re.findall(r"(--[a-z-]+)", capsys.readouterr().out)) - {"--help"}
    table = re.findall(r"^\| `(--[a-z-]+)", (DOCS / "check.md").read_text("utf-8"), re.MULTILINE)
    assert set(table) == options
