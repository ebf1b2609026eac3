"""The option `--html`, which writes a page."""

from __future__ import annotations

import os
from pathlib import Path

import click

from prefixwarm.cli.output import note
from prefixwarm.errors import UsageError

html_option = click.option(
    "--html",
    type=click.Path(path_type=Path),
    help="Also write an HTML page with drawings, in one file.",
)


def refuse_unwritable(target: Path | None) -> None:
    """Refuse, before any work, a page that could not be written."""
    if target is None:
        return
    folder = target.absolute().parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--html {target}: cannot be written: name a file in an existing folder")


def write_page(target: Path, html: str) -> None:
    """Write the page and print its path; raises UsageError if that fails."""
    try:
        target.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    note(f"wrote {target}")
