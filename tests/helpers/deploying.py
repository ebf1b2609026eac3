"""Deploys an app of these tests to the local AWS API with the real CDK CLI."""

from __future__ import annotations

import functools
import shlex
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from prefixwarm.local.cdk_cli import CdkCli, synthesise
from prefixwarm.local.deployment import Deployment, read_back
from prefixwarm.local.user_app import CdkApp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools


def deploy(
    tools: Tools,
    aws: LocalAws,
    app: Sequence[str],
    *,
    folder: Path,
    work: Path,
    context: Mapping[str, str] | None = None,
) -> Deployment:
    """Bootstrap the account, synthesise and deploy.

    Parameters
    ----------
    app
        Command that synthesises, started in `folder`.
    work
        Private, empty folder.
    """
    cli = CdkCli(tools, aws.environment())
    assembly = work / "cdk.out"
    own = CdkApp(folder, shlex.join(app), context or {})
    synth = functools.partial(synthesise, tools, own, assembly)
    with ThreadPoolExecutor(2) as pool:
        steps = [pool.submit(cli.bootstrap, work), pool.submit(synth)]
    for step in steps:
        step.result()
    cli.deploy(assembly)
    return read_back(tools, aws, assembly, work)


def output(deployment: Deployment, name: str) -> str:
    """The value of the one output with this name."""
    stacks = deployment.aws.client("cloudformation").describe_stacks()["Stacks"]
    outputs = [output for stack in stacks for output in stack.get("Outputs", [])]
    (value,) = [one["OutputValue"] for one in outputs if one["OutputKey"] == name]
    return str(value)
