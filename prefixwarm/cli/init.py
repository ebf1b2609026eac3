"""`prefixwarm init`: set up a project in three questions."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.deployment_lines import KEYS, TOOLS, lines_for
from prefixwarm.cli.output import block, line, note, shown_as, wide_option
from prefixwarm.cli.progress import progress
from prefixwarm.cli.traffic_options import TrafficOptions, traffic_options
from prefixwarm.errors import UsageError
from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.comparison import compare
from prefixwarm.plan.costs import costs_of
from prefixwarm.prefix.prefix_file import find, load
from prefixwarm.prices.aws_prices import aws_prices
from prefixwarm.provider.routes import ROUTES
from prefixwarm.safe_text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.plan.arrivals import Traffic
    from prefixwarm.policy import Hours
    from prefixwarm.prefix.prefix_file import PrefixFile

# The questions; each has an option that answers it.
_COMMAND = "Which command runs the agent, with two different questions"
_KEY = "Where is the key stored"
_TOOL = "What deploys it"
_THERE = "is there already"


@click.command(epilog="Example: prefixwarm init --key secret:my/claude-key -- python ask_twice.py")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", help="Name of the prefix; by default the script's.")
@click.option("--out", default="prefixes", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--key",
    metavar="KIND[:NAME]",
    help=f"Where the key is stored: {', '.join(KEYS)}. The AWS routes use the function's role.",
)
@click.option("--tool", type=click.Choice(TOOLS), help="What deploys the agent.")
@traffic_options
@click.option("--yes", is_flag=True, help="Write without asking; for scripts.")
@wide_option
@aws_account
def init(
    command: tuple[str, ...],
    name: str | None,
    out: Path,
    key: str | None,
    tool: str | None,
    requests: TrafficOptions,
    yes: bool,
    wide: bool,
) -> None:
    """Capture, check and plan an agent's prefix, and print the lines that keep it warm.

    Asks for what is missing, at most three questions: the command that runs the agent, where the
    key is stored, and what deploys the agent. Shows everything before writing it.
    """
    if key:
        _parsed(key)
    active, traffic = requests.active(), requests.traffic()
    words = command or tuple(shlex.split(_asked("COMMAND", _COMMAND, None)))
    note("nothing is written until you confirm at the end")
    with TemporaryDirectory(prefix="prefixwarm-init-") as folder, shown_as(Path(folder), out):
        captured = Path(folder)
        _copy(out, captured)
        options = [*(["--name", name] if name else []), *(["--wide"] if wide else [])]
        if code := _run("capture", "--out", folder, *options, "--", *words):
            note("prefixwarm: nothing was written: fix the findings of capture first")
            click.get_current_context().exit(code)
        paths = _new(captured, out)
        _run("check", *map(str, paths))
        files = [load(path) for path in paths]
        policy = _planned(files, traffic, active)
        _written(paths, out, yes=yes)
    tool = tool or _asked("--tool", _TOOL, TOOLS)
    lines = lines_for(tool, files, out, keep_warm=policy, key=_key_of(files, key))
    line()
    block(lines)


def _run(*arguments: str) -> int:
    """Run another command, which prints its findings."""
    from prefixwarm.cli.command_group import run

    note(f"$ prefixwarm {shlex.join(arguments[:1])} ...")
    return run(arguments)


def _asked(option: str, question: str, choices: Sequence[str] | None) -> str:
    """The user's answer at the terminal."""
    if not sys.stdin.isatty():
        raise UsageError(f"{option}: is missing, and this is not a terminal to ask at; give it")
    kind = click.Choice(choices) if choices else click.STRING
    return str(click.prompt(question, type=kind, err=True))


def _copy(source: Path, target: Path) -> None:
    """Copy earlier prefix files, so that a prefix keeps its name."""
    for path in find(source) if source.is_dir() else ():
        shutil.copy2(path, target)


def _new(captured: Path, out: Path) -> list[Path]:
    """New and changed files; all files if nothing has changed."""
    files = find(captured)
    return [path for path in files if _change(path, out) != _THERE] or files


def _planned(files: Sequence[PrefixFile], traffic: Traffic | None, active: Hours | None) -> str:
    """The rule that `plan` recommends; without traffic `auto`, which learns from it."""
    if traffic is None:
        line("plan: no --rate or --arrivals given; the rule auto learns from the real traffic")
        return "auto"
    rules = set()
    for file in files:
        with progress(f"replaying {traffic.requests:,} requests through every policy"):
            result = compare(traffic, costs_of(file, 0.0), active, aws_prices().deployment())
        line(f"plan: {file.name}: {recommendation(result)}")
        rules.add(result.rule)
    return rules.pop() if len(rules) == 1 else "auto"


def _written(paths: Sequence[Path], out: Path, *, yes: bool) -> None:
    """Write new files after the user has seen and confirmed them."""
    changed = [path for path in paths if _change(path, out) != _THERE]
    for path in paths:
        line(f"{out / path.name}: {_change(path, out)}, {path.stat().st_size:,} bytes")
    if changed and not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "--yes: is missing, and this is not a terminal to ask at; nothing was written"
            )
        if not click.confirm("Write?", err=True):
            raise UsageError("nothing was written")
    out.mkdir(parents=True, exist_ok=True)
    for path in changed:
        shutil.copy2(path, out / path.name)


def _change(path: Path, out: Path) -> str:
    target = out / path.name
    if not target.exists():
        return "new"
    same = target.read_bytes() == path.read_bytes()
    return _THERE if same else "replaces the file there"


def _key_of(files: Sequence[PrefixFile], key: str | None) -> tuple[str, str]:
    """Kind and name of the key's place; the function's role on the AWS routes."""
    if all(ROUTES[file.route].signing_service for file in files):
        return "role", ""
    return _parsed(key or _asked("--key", f"{_KEY}, {' or '.join(KEYS)}", None))


def _parsed(key: str) -> tuple[str, str]:
    kind, _, name = key.partition(":")
    if kind not in ("secret", "parameter") or not name:
        raise UsageError(f"--key {quoted(kind)}: write {' or '.join(KEYS)}")
    return kind, name
