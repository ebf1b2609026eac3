"""`prefixwarm layer`: the Lambda layer's zip."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from prefixwarm import __version__
from prefixwarm.cli.output import emit, json_option, table
from prefixwarm.core.errors import PrefixwarmError, UsageError
from prefixwarm.core.prefix_file import find

__all__ = ["layer"]


_RUNTIMES = ["python3.10", "python3.11", "python3.12", "python3.13"]
_ARCHITECTURES = ["x86_64", "arm64"]

_prefixes_option = click.option(
    "--prefixes",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with the prefix files that go into it.",
)


@click.group()
def layer() -> None:
    """Build the Lambda layer, or publish it."""


@layer.command(epilog="Example: prefixwarm layer build --out layer.zip --prefixes prefixes")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The zip to write.",
)
@_prefixes_option
@json_option
def build(out: Path, prefixes: Path | None, as_json: bool) -> None:
    """Write the layer's zip: the extension, and the prefixes that it warms."""
    from prefixwarm_layer import build_layer

    files = _files(prefixes) if prefixes else []
    build_layer(out, files)
    names = [str(path) for path in files]
    document = {"file": str(out), "bytes": out.stat().st_size, "prefixes": names}
    emit(document, as_json, lambda: click.echo(f"{out}: {document['bytes']:,} bytes"))


@layer.command(
    epilog="Example: prefixwarm layer publish --region eu-west-1 --region us-east-1 --prefixes p"
)
@click.option("--region", "regions", multiple=True, required=True, help="May be given repeatedly.")
@click.option("--name", default="prefixwarm", show_default=True, help="Name of the layer.")
@_prefixes_option
@json_option
def publish(regions: tuple[str, ...], name: str, prefixes: Path | None, as_json: bool) -> None:
    """Publish the layer into regions of your account, and print its ARNs."""
    from prefixwarm_layer import build_layer

    files = _files(prefixes) if prefixes else []
    with TemporaryDirectory() as folder:
        code = build_layer(Path(folder) / "layer.zip", files).read_bytes()
    published = [{"region": region, "arn": _publish(region, name, code)} for region in regions]
    rows = [(each["region"], each["arn"]) for each in published]
    emit({"layers": published}, as_json, lambda: table(("REGION", "ARN"), rows))


def _publish(region: str, name: str, code: bytes) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client: Any = boto3.client("lambda", region_name=region)
        reply = client.publish_layer_version(
            LayerName=name,
            Description=f"prefixwarm {__version__}",
            Content={"ZipFile": code},
            CompatibleRuntimes=_RUNTIMES,
            CompatibleArchitectures=_ARCHITECTURES,
            LicenseInfo="Apache-2.0",
        )
    except (BotoCoreError, ClientError) as error:
        raise PrefixwarmError(f"{region}: the layer cannot be published: {error}") from error
    return str(reply["LayerVersionArn"])


def _files(folder: Path) -> list[Path]:
    found = find(folder)
    if not found:
        raise UsageError(f"--prefixes {folder}: holds no *.prefix.json")
    return found
