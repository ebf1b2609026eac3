"""`prefixwarm layer`: the Lambda layer's zip."""

from __future__ import annotations

from pathlib import Path

import click

from prefixwarm.cli.output import emit, json_option
from prefixwarm.core.errors import UsageError
from prefixwarm.core.prefix_file import find

__all__ = ["layer"]


@click.group()
def layer() -> None:
    """Build the Lambda layer."""


@layer.command(epilog="Example: prefixwarm layer build --out layer.zip --prefixes prefixes")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The zip to write.",
)
@click.option(
    "--prefixes",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with the prefix files that go into it.",
)
@json_option
def build(out: Path, prefixes: Path | None, as_json: bool) -> None:
    """Write the layer's zip: the extension, and the prefixes that it warms."""
    from prefixwarm_layer import build_layer

    files = _files(prefixes) if prefixes else []
    build_layer(out, files)
    names = [str(path) for path in files]
    document = {"file": str(out), "bytes": out.stat().st_size, "prefixes": names}
    emit(document, as_json, lambda: click.echo(f"{out}: {document['bytes']:,} bytes"))


def _files(folder: Path) -> list[Path]:
    found = find(folder)
    if not found:
        raise UsageError(f"--prefixes {folder}: holds no *.prefix.json")
    return found
