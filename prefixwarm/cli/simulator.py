"""``prefixwarm simulator``: serve the simulated Messages API."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from prefixwarm.cli.output import json_text, line
from prefixwarm.simulator.api_errors import SimulatorError
from prefixwarm.simulator.server import serve
from prefixwarm.simulator.settings import AwsKey, Latency, Limits, Principal, Settings, Switches

_SWITCHES = {field.name: field.default for field in fields(Switches)}


@click.command(epilog="Example: prefixwarm simulator --clock manual --switch refuse_zero=true")
@click.option("--clock", type=click.Choice(["real", "manual"]), default="real", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0 for a free one."
)
@click.option("--base", default=Latency.base, show_default=True, help="Seconds of every request.")
@click.option(
    "--prefill-rate",
    default=Latency.prefill_rate,
    show_default=True,
    help="Uncached input tokens per second.",
)
@click.option(
    "--read-rate",
    default=Latency.read_rate,
    show_default=True,
    help="Tokens read from the cache per second.",
)
@click.option(
    "--output-rate",
    default=Latency.output_rate,
    show_default=True,
    help="Output tokens per second.",
)
@click.option("--rpm", type=click.IntRange(1), help="Limit of requests per minute.")
@click.option(
    "--itpm", type=click.IntRange(1), help="Limit of input tokens per minute, cache reads excluded."
)
@click.option("--key", multiple=True, metavar="KEY=ORG/WORKSPACE", help="An API key; repeatable.")
@click.option(
    "--aws-key", multiple=True, metavar="ID:SECRET[=ORG]", help="An AWS key pair; repeatable."
)
@click.option(
    "--profile",
    multiple=True,
    metavar="ARN=MODEL",
    help="An application inference profile and the model behind it; repeatable.",
)
@click.option(
    "--switch", multiple=True, metavar="NAME=VALUE", help=f"One of {', '.join(_SWITCHES)}."
)
@click.option(
    "--switches",
    "switches_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Switches written by scripts/verify-provider; --switch overrides them.",
)
@click.option("--seed", default=0, show_default=True, help="Of ids.")
def simulator(host: str, port: int, **options: Any) -> None:
    """Serve the Messages API with a faithful prompt cache on this machine.

    Prints one JSON line with its URL when ready, and serves until stopped.
    """
    try:
        settings = _settings(**options)
        serve(settings, host, port, lambda url: _ready(url, settings.clock))
    except SimulatorError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _ready(url: str, clock: str) -> None:
    line(json_text({"url": url, "mantle_url": f"{url}/anthropic", "clock": clock}, indent=None))


def _settings(
    clock: str,
    rpm: int | None,
    itpm: int | None,
    key: tuple[str, ...],
    aws_key: tuple[str, ...],
    profile: tuple[str, ...],
    switch: tuple[str, ...],
    switches_file: Path | None,
    seed: int,
    **latency: float,
) -> Settings:
    return Settings(
        clock=clock,
        latency=Latency(**latency),
        switches=Switches()
        .changed(_verified(switches_file) if switches_file else {})
        .changed(dict(_switch(text) for text in switch)),
        limits=Limits(rpm, itpm),
        keys=dict(_key(text) for text in key),
        aws_keys=dict(_aws_key(text) for text in aws_key),
        profiles=dict(_profile(text) for text in profile),
        seed=seed,
    )


def _verified(file: Path) -> dict[str, Any]:
    """The switches in a file of `scripts/verify-provider`."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SimulatorError(f"--switches {file}: is not JSON: {error}") from error
    switches = document.get("switches") if isinstance(document, dict) else None
    if not isinstance(switches, dict):
        raise SimulatorError(f'--switches {file}: the object "switches" is missing')
    return switches


def _switch(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if name in _SWITCHES and isinstance(_SWITCHES[name], str):
        return name, value
    try:
        return name, json.loads(value) if equals else True
    except ValueError:
        return name, value


def _key(text: str) -> tuple[str, Principal]:
    key, _, owner = text.rpartition("=")
    organization, _, workspace = owner.partition("/")
    if not key or not organization or not workspace:
        raise SimulatorError("--key: give KEY=ORGANIZATION/WORKSPACE")
    return key, Principal(organization, workspace)


def _aws_key(text: str) -> tuple[str, AwsKey]:
    name, _, rest = text.partition(":")
    # A secret access key has base64 characters, but no equals sign.
    secret, _, organization = rest.partition("=")
    if not name or not secret:
        raise SimulatorError("--aws-key: give ID:SECRET or ID:SECRET=ORGANIZATION")
    return name, AwsKey(secret, organization or Principal.organization)


def _profile(text: str) -> tuple[str, str]:
    arn, _, model = text.partition("=")
    if ":application-inference-profile/" not in arn or not model:
        raise SimulatorError("--profile: give an application inference profile as ARN=MODEL")
    return arn, model
