"""`prefixwarm build`: write a prefix file from a `Prefix` object in the user's code."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import click

from prefixwarm.amounts import tokens
from prefixwarm.capture.warm_file import defined_prefix
from prefixwarm.cli.output import emit, json_option, line
from prefixwarm.cli.prefix_options import out_option, placeholder_option
from prefixwarm.cli.progress import progress_lines
from prefixwarm.errors import UsageError
from prefixwarm.observe import Prefix
from prefixwarm.prefix.prefix_file import write

# Replaces the environment's base URL, which is irrelevant here and may be broken.
_NOWHERE = "http://localhost"


@click.command(epilog="Example: prefixwarm build agent.prompts:PREFIX --out prefixes")
@click.argument("source", metavar="MODULE:NAME")
@out_option
@click.option("--model", help="The model behind an application inference profile.")
@placeholder_option
@json_option
def build(
    source: str, out: Path, model: str | None, placeholders: tuple[str, ...], as_json: bool
) -> None:
    """Write a prefix file from a Prefix object in your code."""
    # Imported code may print.
    with progress_lines(f"importing {source}"):
        definition = _load(source)
    try:
        prefix = defined_prefix(
            definition, _sdk_version(), base_model=model, placeholders=placeholders
        )
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"{source}: does not build a request: {type(error).__name__}: {error}"
        ) from error
    path = write(prefix, out)
    document = {"name": prefix.name, "file": str(path), "tokens": prefix.tokens}
    emit(
        document,
        as_json,
        lambda: line(f"{path}: {tokens(prefix.tokens['estimate'], estimated=True)} tokens"),
    )


def _sdk_version() -> str | None:
    """Headers that the installed anthropic SDK sends by itself; None without the SDK."""
    try:
        import anthropic
        import httpx2
    except ImportError:
        return None
    # Nothing is sent, so the environment's proxies and certificates are irrelevant.
    mock_transport = httpx2.MockTransport(lambda _request: httpx2.Response(503))
    http_client = httpx2.Client(transport=mock_transport, trust_env=False)
    with anthropic.Anthropic(api_key="-", base_url=_NOWHERE, http_client=http_client) as client:
        version = client.default_headers.get("anthropic-version")
    return version if isinstance(version, str) else None


def _load(source: str) -> Prefix:
    module_name, _, name = source.partition(":")
    if not (module_name and name):
        raise UsageError(f"{source!r}: write MODULE:NAME, such as agent.prompts:PREFIX")
    sys.path.insert(0, str(Path.cwd()))
    try:
        # The module's own output is not part of ours.
        with redirect_stdout(sys.stderr):
            value = getattr(import_module(module_name), name)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{source}: cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(value, Prefix):
        kind = type(value).__name__
        raise UsageError(f"{source}: is a {kind}, not a prefixwarm.observe.Prefix")
    return value
