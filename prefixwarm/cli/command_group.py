"""The group of all commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from keyword import iskeyword
from typing import TYPE_CHECKING

import click

from prefixwarm import __version__
from prefixwarm.cli.output import block, note
from prefixwarm.cli.suggestions import SuggestingGroup, suggested_choice
from prefixwarm.errors import PrefixwarmError, UsageError
from prefixwarm.extras import install, is_optional

if TYPE_CHECKING:
    from collections.abc import Sequence


# Each command's line in the list; kept here so that listing imports no command.
COMMANDS = {
    "init": "Capture, check and plan an agent's prefix, and print the lines that keep it warm.",
    "capture": "Write prefix files from an agent's real requests.",
    "build": "Write a prefix file from a Prefix object in your code.",
    "check": "Find what keeps a prefix from being cached or read.",
    "diff": "Show where two prefix files or requests differ, and what it costs.",
    "plan": "Replay arrivals through the policies and recommend one.",
    "warm": "Make one warm call now.",
    "ask": "Ask the deployed keep-warm function for a warm call.",
    "status": "Show which prefixes are warm.",
    "explain": "Explain why a prefix is warm, cold or left alone.",
    "simulator": "Serve the Messages API with a faithful prompt cache on this machine.",
    "layer": "Build the Lambda layer, publish it, or package a deployment without CDK.",
    "attach": "Attach the layer to an existing function.",
    "detach": "Remove what `prefixwarm attach` added, and nothing else.",
    "doctor": "Check this machine and a deployment, and show how to fix each problem.",
    "try": "Try your own CDK app on this machine, with no account.",
    "demo": "Run the same agent without and with prefixwarm, on this machine, with no account.",
}
# These need all of one extra; the others what the missing module is in.
_EXTRAS = {"try": "demo", "demo": "demo"}


class LazyGroup(SuggestingGroup):
    """Commands, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        # No module or function can be called `try`.
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        try:
            module = import_module(f"prefixwarm.cli.{name}")
        except ModuleNotFoundError as error:
            if is_optional(error.name):
                raise
            problem = f"{cmd_name} is not part of this installation: {error.name} is missing"
            raise click.ClickException(problem) from error
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: prefixwarm capture -- python agent.py",
)
@click.version_option(
    __version__, "-V", "--version", prog_name="prefixwarm", message="%(prog)s %(version)s"
)
def cli() -> None:
    """Keep the prompt-cache prefixes of Claude agents warm, when that pays."""


def run(
    arguments: Sequence[str] | None = None,
    command: click.Command = cli,
    name: str = "prefixwarm",
) -> int:
    """Run one command line of `prefixwarm`, or of a script with its own command.

    Returns
    -------
    int
        The exit code: 0 for success, 1 for a finding or failure, 2 for wrong usage or bad input.
    """
    _write_anything()
    try:
        return _run(arguments, command, name)
    except OSError as error:
        # The reader has closed the pipe. Other errors are a full disk or a missing permission.
        _forget_output()
        if isinstance(error, BrokenPipeError):
            return 1
        return _complain(
            name, ": ".join(str(part) for part in (error.filename, error.strerror) if part), 1
        )


def _run(arguments: Sequence[str] | None, command: click.Command, name: str) -> int:
    try:
        result = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        block(error.format_message())
        return 2
    except click.ClickException as error:
        return _complain(name, _one_line(error), error.exit_code)
    except UsageError as error:
        return _complain(name, str(error), 2)
    except PrefixwarmError as error:
        return _complain(name, str(error), 1)
    except ModuleNotFoundError as error:
        # Of a command itself, or of what it imports when it gets there.
        if not is_optional(error.name):
            raise
        words = sys.argv[1:] if arguments is None else arguments
        asked = next((word for word in words if word in COMMANDS), name)
        problem = install(asked, str(error.name), _EXTRAS.get(asked, ""))
        return _complain(name, problem, 1)
    except (click.Abort, KeyboardInterrupt):
        return 130
    return result if isinstance(result, int) else 0


def _write_anything() -> None:
    """Escape characters that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Discard unwritten output, which Python would try to write again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(name: str, message: str, code: int) -> int:
    note(f"{name}: {' '.join(message.split())}")
    return code


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()) + suggested_choice(error)
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        return f"{message} (see {context.command_path} -h)"
    return message
