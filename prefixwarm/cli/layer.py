"""`prefixwarm layer`: build and publish the Lambda layer, or package a deployment."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from prefixwarm import __version__
from prefixwarm.cli.aws_options import aws_profile_option
from prefixwarm.cli.output import emit, finish, json_option, line, note, table, wide_option
from prefixwarm.cli.progress import progress
from prefixwarm.cli.suggestions import SuggestingGroup
from prefixwarm.errors import UsageError
from prefixwarm.policy import RULES
from prefixwarm.prefix.prefix_file import load, load_all
from prefixwarm.provider.routes import route_named
from prefixwarm.settings import CACHE_SCOPE, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARCHITECTURES = ["x86_64", "arm64"]

_folder = click.Path(file_okay=False, path_type=Path)
_prefixes_option = click.option(
    "--prefixes",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A prefix file or folder to include; repeatable.",
)

_observe_option = click.option(
    "--observe/--no-observe",
    default=True,
    show_default=True,
    help="Whether to include prefixwarm.observe for the agent.",
)


@click.group(
    cls=SuggestingGroup,
    epilog="Example: prefixwarm layer build --out layer.zip --prefixes prefixes",
)
def layer() -> None:
    """Build the Lambda layer, publish it, or package a deployment without CDK."""


@layer.command(epilog="Example: prefixwarm layer build --out layer.zip --prefixes prefixes")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The zip to write.",
)
@_prefixes_option
@_observe_option
@json_option
def build(out: Path, prefixes: tuple[Path, ...], observe: bool, as_json: bool) -> None:
    """Write the layer's zip: the extension and its prefixes."""
    names = [str(path) for path in _built(out, prefixes, observe)]
    document = {"file": str(out), "bytes": out.stat().st_size, "prefixes": names}
    emit(document, as_json, lambda: line(f"{out}: {document['bytes']:,} bytes"))


@layer.command(
    epilog="Example: prefixwarm layer publish --region eu-west-1 --region us-east-1 --prefixes p"
)
@click.option(
    "--region", "regions", multiple=True, required=True, help="Region to publish to; repeatable."
)
@click.option("--name", default="prefixwarm", show_default=True, help="Name of the layer.")
@_prefixes_option
@_observe_option
@wide_option
@json_option
@aws_profile_option
def publish(
    regions: tuple[str, ...],
    name: str,
    prefixes: tuple[Path, ...],
    observe: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Publish the layer into regions of your account, and print its ARNs."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "layer.zip"
        _built(path, prefixes, observe)
        code = path.read_bytes()
    with progress("publishing the layer"):
        published = [_published(region, name, code) for region in regions]
    rows = [{"REGION": layer["region"], "ARN": layer["arn"] or "failed"} for layer in published]
    emit({"layers": published}, as_json, lambda: table(rows, wide=wide))
    finish(all(layer["arn"] for layer in published))


def _built(path: Path, prefixes: Sequence[Path], observe: bool) -> list[Path]:
    """Build the layer's zip; return the prefix files in it."""
    from prefixwarm_layer.zips import build_layer

    files = list(load_all(prefixes))
    with progress("building the layer"):
        build_layer(path, files, observe=observe)
    _warn(path)
    return files


def _published(region: str, name: str, code: bytes) -> dict[str, str | None]:
    """The region and its new ARN, or None after a failure, so that the other ARNs are shown."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from prefixwarm_layer.bytecode import RUNTIMES

    try:
        client: Any = boto3.client("lambda", region_name=region)
        reply = client.publish_layer_version(
            LayerName=name,
            Description=f"prefixwarm {__version__}",
            Content={"ZipFile": code},
            CompatibleRuntimes=list(RUNTIMES),
            CompatibleArchitectures=_ARCHITECTURES,
            LicenseInfo="Apache-2.0",
        )
    except (BotoCoreError, ClientError) as error:
        note(f"prefixwarm: {region}: the layer cannot be published: {error}")
        return {"region": region, "arn": None}
    return {"region": region, "arn": str(reply["LayerVersionArn"])}


@layer.command(
    "package", epilog="Example: prefixwarm layer package --prefixes prefixes --out build"
)
@click.option(
    "--prefixes",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A prefix file or folder; repeatable.",
)
@click.option("--out", required=True, type=_folder, help="The folder to write.")
@click.option("--policy", type=click.Choice(RULES), default="auto", show_default=True)
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), help="Daily budget in US dollars."
)
@click.option("--region", default="", help="Region of the deployment; required for the AWS routes.")
@click.option("--cache-scope", default="default", show_default=True, help="Label of the workspace.")
@json_option
def package_command(
    prefixes: tuple[Path, ...],
    out: Path,
    policy: str,
    budget: float | None,
    region: str,
    cache_scope: str,
    as_json: bool,
) -> None:
    """Write the files that SAM or Terraform upload: both zips, the manifest and the prefix files.

    Prints the parameters for the templates in examples/.
    """
    from prefixwarm_layer.export import package

    Settings.from_environment({CACHE_SCOPE: cache_scope})
    files = list(load_all(prefixes))
    _refuse_without_region(files, region)
    with progress("building the layer and the keep-warm function"):
        deployment = package(
            out, files, policy=policy, budget=budget, region=region, scope=cache_scope
        )
    _warn(out / "layer.zip")
    keys = ",".join(deployment["StateKeys"])
    parameters = (
        f"ManifestKey={deployment['ManifestKey']} StateKeys={keys} CacheScope={cache_scope}"
    )
    emit(deployment, as_json, lambda: line(parameters))


def _warn(path: Path) -> None:
    """Warn on standard error about what this layer lacks."""
    from prefixwarm_layer.bytecode import bytecode_warning

    if warning := bytecode_warning(path):
        note(f"prefixwarm: warning: {warning}")


def _refuse_without_region(files: list[Path], region: str) -> None:
    for path in files:
        route = load(path).route
        if not region and route_named(route).signing_service:
            raise UsageError(f"{path}: the route {route} caches per region; give --region")
