"""Finds a deployment's keep-warm function and reads its configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.errors import UsageError
from prefixwarm.safe_text import quoted
from prefixwarm_layer.layout import KEEPWARM_HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import boto3


@dataclass(frozen=True)
class KeepWarmConfiguration:
    """A deployed keep-warm function.

    Attributes
    ----------
    name, arn : str
        The function's.
    environment : mapping of str to str
        Its variables, which hold everything an attached function needs to know of the deployment.
    """

    name: str
    arn: str
    environment: Mapping[str, str]

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> KeepWarmConfiguration:
        """Read Lambda's reply.

        Raises
        ------
        UsageError
            It is another function.
        """
        from prefixwarm.boto_replies import arn_in, text_in, texts_in

        name = text_in(configuration, "FunctionName")
        if configuration.get("Handler") != KEEPWARM_HANDLER:
            raise UsageError(
                f"{name}: is not a keep-warm function: its handler is not {KEEPWARM_HANDLER}"
            )
        variables = texts_in(configuration.get("Environment", {}), "Variables")
        return cls(name, arn_in(configuration, "FunctionArn"), variables)


def open_session(region: str | None = None) -> boto3.Session:
    """Open an AWS session with this machine's configuration.

    Raises
    ------
    CredentialsError
        The profile does not exist.
    """
    import boto3

    with aws_errors("AWS"):
        # Lambda and other SDKs read AWS_REGION; boto3 reads only AWS_DEFAULT_REGION.
        return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)


def client_of(session: boto3.Session, service: str) -> Any:
    """Return a client of one service.

    Raises
    ------
    CredentialsError
        No region is set.
    """
    with aws_errors("AWS"):
        return session.client(service)  # type: ignore[call-overload]


def keep_warm_function(stack: str, session: boto3.Session) -> KeepWarmConfiguration:
    """Find the keep-warm function of a CloudFormation stack, including nested stacks.

    Raises
    ------
    UsageError
        There is no such stack, or it has no such function, or several.
    CredentialsError, DeploymentError
        AWS cannot be reached, or refuses.
    """
    with aws_errors(f"stack {quoted(stack)}"):
        lambda_ = client_of(session, "lambda")
        configurations = [
            lambda_.get_function_configuration(FunctionName=name)
            for name in _functions(client_of(session, "cloudformation"), stack)
        ]
        matching = [
            KeepWarmConfiguration.of(one)
            for one in configurations
            if one.get("Handler") == KEEPWARM_HANDLER
        ]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise UsageError(
            f"stack {quoted(stack)}: has no keep-warm function; name the stack of the PrefixWarmer"
        )
    names = ", ".join(sorted(one.name for one in matching))
    raise UsageError(f"stack {quoted(stack)}: has several keep-warm functions; name one: {names}")


def chosen_keep_warm_function(
    stack: str | None, name: str | None, session: boto3.Session
) -> KeepWarmConfiguration:
    """Find the keep-warm function of a stack, or else by its name or ARN.

    Raises as `keep_warm_function`.
    """
    if stack:
        return keep_warm_function(stack, session)
    with aws_errors(f"function {quoted(name or '')}"):
        client = client_of(session, "lambda")
        return KeepWarmConfiguration.of(client.get_function_configuration(FunctionName=name))


def _functions(cloudformation: Any, stack: str) -> Iterator[str]:
    """The names of the functions in a stack and its nested stacks."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in pages.search("StackResourceSummaries[]"):
        physical = resource.get("PhysicalResourceId")
        if not physical or resource["ResourceStatus"].startswith("DELETE"):
            continue
        if resource["ResourceType"] == "AWS::Lambda::Function":
            yield physical
        elif resource["ResourceType"] == "AWS::CloudFormation::Stack":
            yield from _functions(cloudformation, physical)
