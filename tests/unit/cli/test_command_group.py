"""The group: help, errors in one line, exit codes, and quick starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click
import pytest

from prefixwarm import __version__
from prefixwarm.cli.command_group import COMMANDS

HEAVY = ("boto3", "botocore", "genai_prices", "pydantic", "anthropic", "asyncio", "jsonschema")


def test_help_lists_every_command(cli: Any) -> None:
    """In one line each, with an example."""
    ran = cli("-h")
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in COMMANDS)
    assert "Example: prefixwarm capture" in ran.out


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if find_spec(f"prefixwarm.cli.{name}") is not None]
)
def test_every_command_has_an_example_and_the_listed_help(cli: Any, name: str) -> None:
    """The list of commands says what the command itself says."""
    command = getattr(import_module(f"prefixwarm.cli.{name}"), name)
    assert command.help.splitlines()[0] == COMMANDS[name]
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    assert all("Example:" in f"{leaf.help}{leaf.epilog}" for leaf in leaves)
    ran = cli(name, "-h")
    assert (ran.code, ran.err) == (0, "")


def test_no_command_prints_the_help(cli: Any) -> None:
    """And counts as wrong usage."""
    ran = cli()
    assert (ran.code, "Commands:" in ran.out) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nope",), "No such command 'nope'"),
        (("statu",), "No such command 'statu'. Did you mean 'status'?"),
        (("check",), "Missing argument 'FILE...'"),
        (("check", "--nope", "x"), "No such option '--nope'"),
        (("warm", "--timeout", "soon", "x"), "'soon' is not a valid float range"),
        (("capture", "--ttl", "2h", "--", "x"), "'2h' is not one of '5m', '1h'"),
        (("layer", "biuld"), "No such command 'biuld'. Did you mean 'build'?"),
        (("simulator", "--clock", "manul"), "'manual'. Did you mean 'manual'?"),
        (("attach", "a", "--stack", "b", "--init", "allways"), "Did you mean 'always'?"),
        (("check", "--requst", "x"), "No such option '--requst'. Did you mean '--request'?"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    cli: Any, arguments: tuple[str, ...], says: str
) -> None:
    """What was wrong, and where the help is."""
    ran = cli(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("prefixwarm: ")
    assert says in ran.err
    assert " -h)" in ran.err


def test_without_click_it_says_so() -> None:
    """The console script works without the extra."""
    code = "import sys; sys.modules['click'] = None; from prefixwarm.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        "prefixwarm: the command line needs an extra: pip install 'prefixwarm[cli]'\n"
    )


@pytest.mark.parametrize("arguments", [["-h"], ["warm", "-h"], ["status", "-h"], ["check", "-h"]])
def test_starting_imports_nothing_heavy(arguments: list[str]) -> None:
    """Clients and price tables are imported when they are needed."""
    code = (
        "import json, sys\n"
        "from prefixwarm.cli.command_group import run\n"
        f"run({arguments!r})\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in HEAVY if name in json.loads(ran.stderr)] == []


def test_the_version(cli: Any) -> None:
    """One word and one number."""
    ran = cli("--version")
    assert (ran.code, ran.out) == (0, f"prefixwarm {__version__}\n")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_module_is_the_command_line(option: str) -> None:
    """`python -m prefixwarm` says what `prefixwarm` says."""
    command = [sys.executable, "-m", "prefixwarm", option]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"prefixwarm {__version__}\n"


@pytest.mark.parametrize(
    ("words", "position", "completed"),
    [("prefixwarm st", 1, "status"), ("prefixwarm status --js", 2, "--json")],
)
def test_a_shell_completes_commands_and_options(words: str, position: int, completed: str) -> None:
    """As bash asks for it; docs/cli.md says how to switch it on."""
    env = {
        "COMP_WORDS": words,
        "COMP_CWORD": f"{position}",
        "_PREFIXWARM_COMPLETE": "bash_complete",
    }
    code = "from prefixwarm.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"plain,{completed}"]
