"""Deploys a CDK app to the local AWS API and reads back what was deployed."""

from __future__ import annotations

import functools
import hashlib
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.local import local_http
from prefixwarm.local.cdk_cli import CdkCli
from prefixwarm.local.emulated_function import Function
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools


@dataclass(frozen=True)
class Deployment:
    """What stands in the local account after a deployment.

    Parameters
    ----------
    resources
        Physical id by ``(stack, logical id)``.
    outputs
        Output value by ``(stack, output name)``.
    work
        Private folder for unzipped code.
    """

    aws: LocalAws
    tools: Tools
    resources: Mapping[tuple[str, str], str]
    outputs: Mapping[tuple[str, str], str]
    work: Path

    def output(self, name: str) -> str:
        """Value of the one output of that name, in whichever stack it is.

        Raises
        ------
        LocalCloudError
            If no stack has it.
        """
        values = [value for (_, output), value in self.outputs.items() if output == name]
        if not values:
            names = ", ".join(sorted({output for _, output in self.outputs}))
            raise LocalCloudError(f"no deployed stack has the output {name}; there are {names}")
        return values[0]

    def function(self, name: str) -> Function:
        """Read a deployed function back: its code, its layers and its configuration.

        Parameters
        ----------
        name
            The function's physical name.

        Raises
        ------
        LocalCloudError
            If its runtime's Python is not on this machine.
        """
        client = self.aws.client("lambda")
        function = client.get_function(FunctionName=name)
        settings = function["Configuration"]
        arns = [layer["Arn"] for layer in settings.get("Layers", [])]
        layers = [client.get_layer_version_by_arn(Arn=arn) for arn in arns]
        is_node = settings["Runtime"].startswith("nodejs")
        return Function(
            code=self._unzipped(function["Code"]["Location"]),
            handler=settings["Handler"],
            layers=tuple(self._unzipped(layer["Content"]["Location"]) for layer in layers),
            env={**settings.get("Environment", {}).get("Variables", {}), **self._endpoint()},
            name=settings["FunctionName"],
            memory_mb=settings["MemorySize"],
            timeout=settings["Timeout"],
            python=None if is_node else self.tools.python(settings["Runtime"]),
            node=self.tools.node() if is_node else None,
        )

    def _endpoint(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.aws.url}

    def _unzipped(self, url: str) -> Path:
        _, content = local_http.fetch("GET", url)
        archive = self.work / f"{hashlib.sha256(content).hexdigest()}.zip"
        folder = archive.with_suffix("")
        if not folder.exists():
            archive.write_bytes(content)
            _unzip(archive, folder)
        return folder


def deploy(
    tools: Tools,
    aws: LocalAws,
    app: Sequence[str],
    *,
    folder: Path,
    work: Path,
    context: Mapping[str, str] | None = None,
) -> Deployment:
    """Bootstrap the account, synthesise and deploy a CDK app with the real CLI.

    Parameters
    ----------
    app
        Command that synthesises, started in `folder`.
    work
        Private, empty folder.
    context
        Context values for the app.

    Raises
    ------
    LocalCloudError
        If a step fails, or if a resource of a template is not in the deployed stack.
    """
    cli = CdkCli(tools, aws.environment())
    assembly = work / "cdk.out"
    synth = functools.partial(cli.synth, app, assembly, folder=folder, context=context)
    with ThreadPoolExecutor(2) as pool:
        steps = [pool.submit(cli.bootstrap, work), pool.submit(synth)]
    for step in steps:
        step.result()
    cli.deploy(assembly)
    return _read_back(tools, aws, assembly, work)


def _read_back(tools: Tools, aws: LocalAws, assembly: Path, work: Path) -> Deployment:
    client = aws.client("cloudformation")
    resources: dict[tuple[str, str], str] = {}
    outputs: dict[tuple[str, str], str] = {}
    for stack, template in _stacks(assembly).items():
        deployed = _resources(client, stack)
        # An emulator that drops what it does not know must not pass for a deployment.
        missing = sorted(set(template["Resources"]) - set(deployed))
        if missing:
            raise LocalCloudError(f"stack {stack}: deployed without {', '.join(missing)}")
        resources |= {(stack, logical): physical for logical, physical in deployed.items()}
        description = client.describe_stacks(StackName=stack)["Stacks"][0]
        for output in description.get("Outputs", []):
            outputs[stack, output["OutputKey"]] = output["OutputValue"]
    return Deployment(aws, tools, resources, outputs, work)


def _stacks(assembly: Path) -> dict[str, dict[str, Any]]:
    """Template by stack name."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    return {
        artifact["properties"].get("stackName", name): json.loads(
            (assembly / artifact["properties"]["templateFile"]).read_text()
        )
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def _resources(client: Any, stack: str) -> dict[str, str]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"].endswith("_COMPLETE")
    }


def _unzip(archive: Path, folder: Path) -> None:
    """Extract with the modes that the archive carries, as Lambda does."""
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            path = Path(content.extract(entry, folder))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                path.chmod(mode)
