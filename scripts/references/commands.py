"""docs/commands.md: the options of all commands, as the commands themselves print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli.command_group import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Iterator


HEAD = """# All options of all commands

As `prefixwarm COMMAND -h` prints them, made by `scripts/update-references`. What the commands are
for is in [command line](cli.md).

"""


def pages() -> dict[str, str]:
    """The page of today."""
    return {"commands.md": HEAD + "\n".join(_commands())}


def _commands() -> Iterator[str]:
    context = click.Context(cli, info_name="prefixwarm")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from (f"## {name}", "", *_help(command, name, context), "")
        for sub in getattr(command, "commands", {}).values():
            parent = click.Context(command, context, info_name=name)
            yield from (f"### {name} {sub.name}", "", *_help(sub, sub.name, parent), "")


def _help(command: Any, name: str, parent: Any) -> list[str]:
    context = click.Context(
        command,
        parent,
        name,
        terminal_width=90,
        color=False,
        help_option_names=["-h", "--help"],
    )
    return ["```text", command.get_help(context), "```"]
