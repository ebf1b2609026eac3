"""Reads the stacks and functions that a CDK app has synthesised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_STACK, _NESTED_ASSEMBLY = "aws:cloudformation:stack", "cdk:cloud-assembly"
_NESTED_STACK, _FUNCTION = "AWS::CloudFormation::Stack", "AWS::Lambda::Function"
_UNKNOWN = "unknown-"


@dataclass(frozen=True)
class AssembledStack:
    """One stack of a cloud assembly.

    Parameters
    ----------
    selector
        Its name for the CDK CLI, such as ``Prod/Agents``.
    name
        Its name in the account.
    account, region
        Where it is deployed; empty if the app leaves that open.
    template
        Its template; `nested` has the templates of its nested stacks by logical id.
    """

    selector: str
    name: str
    account: str
    region: str
    template: Mapping[str, Any]
    nested: Mapping[str, AssembledStack]

    def templates(self) -> Iterator[Mapping[str, Any]]:
        """Its own template and those of its nested stacks."""
        yield self.template
        for nested in self.nested.values():
            yield from nested.templates()


@dataclass(frozen=True)
class AssembledFunction:
    """One Lambda function of a cloud assembly.

    Parameters
    ----------
    stack
        The stack to deploy it with.
    nesting
        Logical ids of the nested stacks that contain it, outermost first.
    path
        Its construct's path; the logical id if the app records no paths.
    """

    stack: AssembledStack
    nesting: tuple[str, ...]
    logical_id: str
    path: str
    properties: Mapping[str, Any]

    @property
    def construct_id(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its environment variables, with unresolved references."""
        environment = self.properties.get("Environment") or {}
        variables: Mapping[str, Any] = environment.get("Variables") or {}
        return variables

    def answers_to(self, name: str) -> bool:
        """Whether this is one of its names."""
        own = (self.logical_id, self.properties.get("FunctionName"), self.path)
        return name in own or f"/{self.path}".endswith(f"/{name}")


def stacks(assembly: Path) -> list[AssembledStack]:
    """All stacks, also those in stages, in the manifest's order.

    Raises
    ------
    LocalCloudError
        If there is none.
    """
    every = list(_stacks(assembly))
    if not every:
        raise LocalCloudError("the app has no stack")
    return every


def functions(every: list[AssembledStack]) -> list[AssembledFunction]:
    """All Lambda functions of these stacks."""
    return [function for stack in every for function in _functions(stack, stack, ())]


def _stacks(assembly: Path) -> Iterator[AssembledStack]:
    artifacts = json.loads((assembly / "manifest.json").read_text("utf-8"))["artifacts"]
    for name, artifact in artifacts.items():
        own = artifact.get("properties", {})
        if artifact["type"] == _STACK:
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            template = assembly / own["templateFile"]
            selector, deployed = artifact.get("displayName", name), own.get("stackName", name)
            yield _stack(template, selector, deployed, _fixed(account), _fixed(region))
        elif artifact["type"] == _NESTED_ASSEMBLY:
            yield from _stacks(assembly / own["directoryName"])


def _fixed(text: str) -> str:
    return "" if text.startswith(_UNKNOWN) else text


def _stack(file: Path, selector: str, name: str, account: str, region: str) -> AssembledStack:
    template = json.loads(file.read_text("utf-8"))
    nested = {}
    for logical_id, resource in template.get("Resources", {}).items():
        asset = resource.get("Metadata", {}).get("aws:asset:path", "")
        if resource["Type"] == _NESTED_STACK and (file.parent / asset).is_file():
            nested[logical_id] = _stack(file.parent / asset, selector, name, account, region)
    return AssembledStack(selector, name, account, region, template, nested)


def _functions(
    stack: AssembledStack, within: AssembledStack, nesting: tuple[str, ...]
) -> Iterator[AssembledFunction]:
    for logical_id, resource in within.template.get("Resources", {}).items():
        if resource["Type"] == _FUNCTION:
            path = resource.get("Metadata", {}).get("aws:cdk:path", "").removesuffix("/Resource")
            properties = resource.get("Properties", {})
            yield AssembledFunction(stack, nesting, logical_id, path or logical_id, properties)
    for logical_id, nested in within.nested.items():
        yield from _functions(stack, nested, (*nesting, logical_id))
