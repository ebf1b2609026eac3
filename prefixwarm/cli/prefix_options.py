"""Options and arguments of commands that read or write prefix files."""

from __future__ import annotations

from pathlib import Path

import click

files_argument = click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)

out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for prefix files; by default this one.",
)

placeholder_option = click.option(
    "--placeholder",
    "placeholders",
    multiple=True,
    metavar="TEXT",
    help="A text in the prompt that only looks like a credential; repeatable.",
)
