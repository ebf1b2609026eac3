"""Reads the current configuration of the function to attach."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.attach import refused_functions
from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.attach.grants import Place
from prefixwarm.errors import UsageError
from prefixwarm.safe_text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class AgentFunction:
    """A deployed Lambda function.

    Attributes
    ----------
    name, arn, runtime : str
        The function's; an image has no runtime.
    role : str
        Name of its role.
    layers : tuple of str
        ARNs of its layer versions, in order.
    environment, tags : mapping of str to str
        Its variables and its tags.
    package, architecture : str
        Package type and architecture.
    snap_start : bool
        Whether its versions are snapshots.
    revision : str
        Changes with every update.
    """

    name: str
    arn: str
    runtime: str
    role: str
    layers: tuple[str, ...]
    environment: Mapping[str, str]
    tags: Mapping[str, str]
    package: str
    architecture: str
    snap_start: bool
    revision: str

    @property
    def place(self) -> Place:
        """Its partition, region and account."""
        _, partition, _, region, account, *_ = self.arn.split(":")
        return Place(partition, region, account)

    @property
    def layer_arn(self) -> str:
        """The ARN of prefixwarm's layer for this function, up to the version."""
        return self.place.arn("lambda", f"layer:{layer_name(self.name)}:")


def layer_name(function: str) -> str:
    """The layer that carries the prefixes of one function."""
    return f"prefixwarm-{function}"


def read(client: Any, name: str) -> AgentFunction:
    """Read a function by its name or ARN.

    Raises
    ------
    UsageError
        There is no such function, it is an alias or a version, or its variables cannot be read and
        would be lost.
    DeploymentError
        AWS cannot be reached, or refuses.
    """
    if not _NAME.fullmatch(unqualified(name)):
        raise UsageError(f"{quoted(name)}: is not the name or ARN of a Lambda function")
    with aws_errors(f"function {quoted(name)}"):
        configuration = client.get_function_configuration(FunctionName=name)
        # GetFunction omits tags silently without permission for ListTags, so do not use its tags.
        tags = client.list_tags(Resource=configuration["FunctionArn"])
        return _function(configuration, tags)


def _function(configuration: Mapping[str, Any], tags: Mapping[str, Any]) -> AgentFunction:
    """The function that these replies describe; raises what `replies` turns into its own error."""
    from prefixwarm.boto_replies import arn_in, text_in, texts_in

    name = text_in(configuration, "FunctionName")
    environment = configuration.get("Environment", {})
    if problem := environment.get("Error"):
        raise UsageError(
            f"{name}: its environment cannot be read, and would be lost: "
            f"{text_in(problem, 'ErrorCode', '')}; grant yourself use of its KMS key"
        )
    return AgentFunction(
        name=name,
        arn=arn_in(configuration, "FunctionArn"),
        runtime=text_in(configuration, "Runtime", ""),
        role=text_in(configuration, "Role").rpartition("/")[2],
        layers=tuple(text_in(layer, "Arn") for layer in configuration.get("Layers", ())),
        environment=texts_in(environment, "Variables"),
        tags=texts_in(tags, "Tags"),
        package=text_in(configuration, "PackageType", "Zip"),
        architecture=_architecture(configuration),
        snap_start=text_in(configuration.get("SnapStart", {}), "ApplyOn", "None") != "None",
        revision=text_in(configuration, "RevisionId"),
    )


def _architecture(configuration: Mapping[str, Any]) -> str:
    first, *_ = configuration.get("Architectures") or ["x86_64"]
    if not isinstance(first, str):
        raise TypeError("Architectures holds no text")
    return first


def unqualified(name: str) -> str:
    """The bare name in a name or ARN.

    Raises
    ------
    UsageError
        It names an alias or a version.
    """
    head, function, rest = name.rpartition("function:")
    bare, colon, qualifier = (rest if function else name).partition(":")
    if colon and (head or not bare.isdigit()) and qualifier != "$LATEST":
        raise UsageError(f"{quoted(name)}: {refused_functions.ALIAS_OR_VERSION}")
    return bare


def region_of(name: str) -> str | None:
    """The region in a function's ARN; None for a name."""
    fields = name.split(":")
    return fields[3] if fields[0] == "arn" and len(fields) > 3 else None
