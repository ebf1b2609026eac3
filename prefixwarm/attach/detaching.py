"""Detaches what `attach` has attached, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm import settings
from prefixwarm.attach.agent_function import AgentFunction, layer_name, read
from prefixwarm.attach.attach_record import TAGS, AttachRecord
from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.attach.configuration import edit
from prefixwarm.attach.deployed import client_of
from prefixwarm.attach.steps import (
    delete_policy,
    delete_versions,
    own_versions,
    policy_name,
    with_layer,
)
from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Detachment:
    """The changes of detaching a function.

    Attributes
    ----------
    function : AgentFunction
        Its current configuration.
    role : str
        Name of the role with the policy.
    variables : tuple of str
        Names of the variables to remove.
    layers : tuple of str
        ARNs of the layer versions to delete.
    """

    function: AgentFunction
    role: str
    variables: tuple[str, ...]
    layers: tuple[str, ...]

    def apply(self, session: boto3.Session) -> None:
        """Detach; the record is removed last, so that a failed run can be repeated.

        Raises
        ------
        DeploymentError
            The message names what failed.
        """
        client, name = client_of(session, "lambda"), self.function.name
        with aws_errors("the function's configuration"):
            edit(client, name, self._without)
        with aws_errors(f"the policy {policy_name(name)} of the role {self.role}"):
            delete_policy(client_of(session, "iam"), self.role, policy_name(name))
        with aws_errors(f"the layer {layer_name(name)}"):
            delete_versions(client, layer_name(name), keep=set())
        with aws_errors("the function's tags"):
            client.untag_resource(Resource=self.function.arn, TagKeys=list(TAGS))

    def _without(self, now: AgentFunction) -> tuple[list[str], dict[str, str]]:
        kept = {name: text for name, text in now.environment.items() if name not in self.variables}
        return with_layer(now, None), kept


def detachment(name: str, session: boto3.Session) -> Detachment:
    """Plan the changes to detach a function.

    Parameters
    ----------
    name
        The function's name or ARN.

    Raises
    ------
    UsageError
        `attach` has not attached it.
    DeploymentError, CredentialsError
        AWS cannot be reached, or refuses.
    """
    client = client_of(session, "lambda")
    function = read(client, name)
    record = AttachRecord.of(function.tags)
    if record is None:
        by_others = settings.TABLE in function.environment
        note = f"; its {settings.TABLE} was set otherwise" if by_others else ""
        raise UsageError(f"{function.name}: `prefixwarm attach` has not attached it{note}")
    with aws_errors(f"the layer {layer_name(function.name)}"):
        layers = own_versions(client, layer_name(function.name))
    return Detachment(
        function=function,
        role=record.role or function.role,
        variables=tuple(name for name in record.variables if name in function.environment),
        layers=tuple(layers),
    )
