"""`prefixwarm build`: a prefix file from a `Prefix` object in the user's code."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

from prefixwarm.capture import make_prefix
from prefixwarm.cli.output import emit, json_option, tokens
from prefixwarm.core.errors import UsageError
from prefixwarm.core.prefix_file import write
from prefixwarm.core.warm_request import PLACEHOLDER
from prefixwarm.observe import Prefix

__all__ = ["build"]


@click.command(epilog="Example: prefixwarm build agent.prompts:PREFIX --out prefixes")
@click.argument("source", metavar="MODULE:NAME")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder that the prefix file goes to; this one by default.",
)
@json_option
def build(source: str, out: Path, as_json: bool) -> None:
    """Write a prefix file from a Prefix object in your code."""
    found = _load(source)
    prefix = make_prefix(
        found.name,
        found.request([PLACEHOLDER]),
        route=found.route,
        headers=found.headers,
        ttl=found.ttl,
        shared_messages=found.shared_messages,
    )
    path = write(prefix, out)
    document = {"name": prefix.name, "file": str(path), "tokens": prefix.tokens}
    emit(
        document,
        as_json,
        lambda: click.echo(f"{path}: about {tokens(prefix.tokens['estimate'])} tokens"),
    )


def _load(source: str) -> Prefix:
    module_name, _, name = source.partition(":")
    if not (module_name and name):
        raise UsageError(f"{source!r}: write MODULE:NAME, such as agent.prompts:PREFIX")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module_name), name)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{source}: cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, Prefix):
        kind = type(found).__name__
        raise UsageError(f"{source}: is a {kind}, not a prefixwarm.observe.Prefix")
    return found
