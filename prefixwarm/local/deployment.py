"""Reads back what a CDK app has deployed to the local AWS API."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.local import cloud_assembly, local_http
from prefixwarm.local.emulated_function import Function
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from prefixwarm.local.cloud_assembly import AssembledFunction
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools


@dataclass(frozen=True)
class Deployment:
    """The contents of the local account after a deployment.

    Parameters
    ----------
    work
        Private folder for unzipped code.
    stacks
        Names of the stacks.
    """

    aws: LocalAws
    tools: Tools
    work: Path
    stacks: Collection[str] = ()

    def physical(self, function: AssembledFunction) -> str:
        """The deployed name of a function of the assembly."""
        stack = function.stack.name
        for logical_id in function.nesting:
            stack = _resources(self.aws.client("cloudformation"), stack)[logical_id]
        return _resources(self.aws.client("cloudformation"), stack)[function.logical_id]

    def function(self, name: str, python: Callable[[str], Path] | None = None) -> Function:
        """Read back a deployed function: its code, layers and configuration.

        A layer of another account is left out: see `layers_elsewhere`.

        Parameters
        ----------
        name
            The function's physical name.
        python
            Chooses the installation prefix of the Python to run it with, by its runtime. By default
            that runtime's own.

        Raises
        ------
        LocalCloudError
            If its runtime's Python is not on this machine.
        """
        function = self.aws.client("lambda").get_function(FunctionName=name)
        settings = function["Configuration"]
        variables = settings.get("Environment", {}).get("Variables", {})
        runtime = settings["Runtime"]
        choose = python or self.tools.python
        return Function(
            code=self._unzipped(function["Code"]["Location"]),
            handler=settings["Handler"],
            layers=tuple(self._unzipped(url) for url in self._layers(settings).values() if url),
            env={**variables, "AWS_ENDPOINT_URL": self.aws.url},
            name=settings["FunctionName"],
            memory_mb=settings["MemorySize"],
            timeout=settings["Timeout"],
            python=choose(runtime) if runtime.startswith("python") else None,
            node=self.tools.node() if runtime.startswith("nodejs") else None,
        )

    def layers_elsewhere(self, name: str) -> list[str]:
        """ARNs of a function's layers that are not in this account, so that nobody has them."""
        settings = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        return [arn for arn, url in self._layers(settings).items() if not url]

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

    def _unzipped(self, url: str) -> Path:
        _, content = local_http.fetch("GET", url)
        archive = self.work / f"{hashlib.sha256(content).hexdigest()}.zip"
        folder = archive.with_suffix("")
        if not folder.exists():
            archive.write_bytes(content)
            _unzip(archive, folder)
        return folder


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
    deployed = []
    for stack in cloud_assembly.stacks(assembly):
        try:
            resources = _resources(client, stack.name)
        except client.exceptions.ClientError:
            # Not among those that were asked for.
            continue
        # The local API ignores unknown resources; that must not look like a deployment.
        if missing := sorted(_unconditional(stack.template) - set(resources)):
            raise LocalCloudError(f"stack {stack.name}: deployed without {', '.join(missing)}")
        deployed.append(stack.name)
    return Deployment(aws, tools, work, deployed)


def _unconditional(template: Mapping[str, Any]) -> set[str]:
    resources = template.get("Resources", {})
    return {name for name, resource in resources.items() if "Condition" not in resource}


def _resources(client: Any, stack: str) -> dict[str, str]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in pages.search("StackResourceSummaries[]")
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
