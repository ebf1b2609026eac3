"""Deploys a CDK app to the local AWS API and reads back what was deployed."""

from __future__ import annotations

import functools
import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.local import cloud_assembly, local_http
from prefixwarm.local.cdk_cli import CdkCli, shell_command, synthesise
from prefixwarm.local.emulated_function import Function
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.user_app import CdkApp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.local.cloud_assembly import AssembledFunction
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools


@dataclass(frozen=True)
class Deployment:
    """The contents of the local account after a deployment.

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
        """The value of the output with this name, in any stack.

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

    def physical(self, function: AssembledFunction) -> str:
        """The deployed name of a function of the assembly."""
        stack = function.stack.name
        for logical_id in function.nesting:
            stack = _resources(self.aws.client("cloudformation"), stack)[logical_id]
        return _resources(self.aws.client("cloudformation"), stack)[function.logical_id]

    def configuration(self, name: str) -> dict[str, Any]:
        """A deployed function's configuration, as Lambda answers it."""
        answer = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        return dict(answer)

    def function(self, name: str, python: Path | None = None) -> Function:
        """Read back a deployed function: its code, layers and configuration.

        A layer of another account is left out: see `layers_elsewhere`.

        Parameters
        ----------
        name
            The function's physical name.
        python
            Installation prefix of the Python to run it with. By default its runtime's.

        Raises
        ------
        LocalCloudError
            If its runtime's Python is not on this machine.
        """
        function = self.aws.client("lambda").get_function(FunctionName=name)
        settings = function["Configuration"]
        is_node = settings["Runtime"].startswith("nodejs")
        has_python = settings["Runtime"].startswith("python")
        own_python = (lambda: self.tools.python(settings["Runtime"])) if has_python else _none
        return Function(
            code=self._unzipped(function["Code"]["Location"]),
            handler=settings["Handler"],
            layers=tuple(self._unzipped(url) for url in self._layers(settings).values() if url),
            env={**settings.get("Environment", {}).get("Variables", {}), **self._endpoint()},
            name=settings["FunctionName"],
            memory_mb=settings["MemorySize"],
            timeout=settings["Timeout"],
            python=(python if has_python and python else own_python()),
            node=self.tools.node() if is_node else None,
        )

    def layers_elsewhere(self, name: str) -> list[str]:
        """ARNs of a function's layers that are not in this account, so that nobody has them."""
        return [arn for arn, url in self._layers(self.configuration(name)).items() if not url]

    def _layers(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Where each layer's content is, by its ARN; empty where it is not here."""
        return {layer["Arn"]: self._layer(layer["Arn"]) for layer in settings.get("Layers", [])}

    def _layer(self, arn: str) -> str:
        client = self.aws.client("lambda")
        try:
            content = client.get_layer_version_by_arn(Arn=arn).get("Content", {})
        except client.exceptions.ClientError:
            return ""
        return str(content.get("Location", ""))

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
    own = CdkApp(folder, shell_command(*app), context or {})
    synth = functools.partial(synthesise, tools, own, assembly)
    with ThreadPoolExecutor(2) as pool:
        steps = [pool.submit(cli.bootstrap, work), pool.submit(synth)]
    for step in steps:
        step.result()
    cli.deploy(assembly)
    return read_back(tools, aws, assembly, work)


def read_back(tools: Tools, aws: LocalAws, assembly: Path, work: Path) -> Deployment:
    """What was deployed of an assembly.

    Parameters
    ----------
    work
        Private folder for unzipped code.

    Raises
    ------
    LocalCloudError
        If a resource of a template is not in the deployed stack.
    """
    client = aws.client("cloudformation")
    resources: dict[tuple[str, str], str] = {}
    outputs: dict[tuple[str, str], str] = {}
    for stack in cloud_assembly.stacks(assembly):
        try:
            description = client.describe_stacks(StackName=stack.name)["Stacks"][0]
        except client.exceptions.ClientError:
            # Not among those that were asked for.
            continue
        deployed = _resources(client, stack.name)
        # The local API ignores unknown resources; that must not look like a deployment.
        if missing := sorted(_unconditional(stack.template) - set(deployed)):
            raise LocalCloudError(f"stack {stack.name}: deployed without {', '.join(missing)}")
        resources |= {(stack.name, logical): physical for logical, physical in deployed.items()}
        for output in description.get("Outputs", []):
            outputs[stack.name, output["OutputKey"]] = output["OutputValue"]
    return Deployment(aws, tools, resources, outputs, work)


def _none() -> None:
    return None


def _unconditional(template: Mapping[str, Any]) -> set[str]:
    resources = template.get("Resources", {})
    return {name for name, resource in resources.items() if "Condition" not in resource}


def _resources(client: Any, stack: str) -> dict[str, str]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"].endswith("_COMPLETE")
    }


def _unzip(archive: Path, folder: Path) -> None:
    """Extract with the archive's file modes, as Lambda does."""
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            path = Path(content.extract(entry, folder))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                path.chmod(mode)
