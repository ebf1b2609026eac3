"""What the documentation site's generator calls.

Links to files outside of ``docs/`` lead into the repository, and one page is made at each build:
the options of all commands, as the commands themselves print them.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")

# Records at this level fail a strict build.
logger = logging.getLogger("mkdocs.plugins.prefixwarm")


# Made at each build: nothing to keep up to date.
COMMANDS_PAGE = "commands.md"


def commands() -> str:
    """The page of all commands: what each prints for ``-h``."""
    import click

    from prefixwarm.cli.command_group import COMMANDS, cli

    context = click.Context(cli, info_name="prefixwarm")
    lines = ["# All options of all commands", "", "As `prefixwarm COMMAND -h` prints them.", ""]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        lines += [f"## {name}", "", *_help(command, name, context), ""]
        for sub in getattr(command, "commands", {}).values():
            parent = click.Context(command, context, info_name=name)
            lines += [f"### {name} {sub.name}", "", *_help(sub, sub.name, parent), ""]
    return "\n".join(lines)


def _help(command: Any, name: str, parent: Any) -> list[str]:
    import click

    context = click.Context(
        command,
        parent,
        name,
        terminal_width=90,
        color=False,
        help_option_names=["-h", "--help"],
    )
    return ["```text", command.get_help(context), "```"]


def on_files(files: Any, *, config: Any) -> Any:
    """The site's files, with the page of all commands."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, COMMANDS_PAGE, content=commands()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page, with links that leave ``docs/`` leading into the repository."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")
    repository = os.environ.get("DOCS_REPOSITORY", "").rstrip("/")

    def linked(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[2]))
        if path.startswith("docs/"):
            return match[0]
        if path.startswith("..") or not (ROOT / path).exists():
            logger.warning("%s links to %s, which is not there", page.file.src_uri, path)
        return f"[{match[1]}]({repository}/{path}{match[3] or ''})" if repository else match[1]

    return OUTSIDE.sub(linked, markdown)
