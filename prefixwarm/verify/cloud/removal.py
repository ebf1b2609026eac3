"""Removes all that a run has made, whatever it got to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.run_name import RunName

_WAIT = {"Delay": 2, "MaxAttempts": 450}


class Removal:
    """One run's removal: everything is tried, and what fails is named.

    Parameters
    ----------
    progress
        Is told what is being removed.

    Attributes
    ----------
    left : list of str
        What could not be removed, and why.
    """

    def __init__(self, access: AwsAccess, name: RunName, progress: Callable[[str], None]) -> None:
        self.left: list[str] = []
        self._access = access
        self._name = name
        self._progress = progress

    def run(self) -> None:
        """Remove everything whose name begins with the run's; logs last, as others write them."""
        for stack in self._name.stacks:
            self._try(f"stack {stack}", self._remove_stack, stack)
        kinds = (
            ("function", self._functions, self._remove_function),
            ("layer", self._layers, self._remove_layer),
            ("role", self._roles, self._remove_role),
            ("log group", self._log_groups, self._remove_log_group),
        )
        for kind, names, remove in kinds:
            for name in self._listed(kind, names):
                self._try(f"{kind} {name}", remove, name)

    def _listed(self, kind: str, names: Callable[[], Iterator[str]]) -> list[str]:
        listed: list[str] = []
        self._try(f"{kind}s", lambda _: listed.extend(names()), "")
        return listed

    def _try(self, what: str, action: Callable[[str], None], name: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        from prefixwarm.boto_replies import replies

        try:
            with replies():
                action(name)
        except (BotoCoreError, ClientError) as error:
            if not is_missing(error):
                self.left.append(f"{what}: {error}")

    def _remove_stack(self, name: str) -> None:
        client = self._access.client("cloudformation")
        client.describe_stacks(StackName=name)  # a ClientError where there is none
        self._progress(f"removing the stack {name}")
        client.delete_stack(StackName=name)
        client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=_WAIT)

    def _functions(self) -> Iterator[str]:
        names = self._selected("lambda", "list_functions", "Functions[].FunctionName")
        return (name for name in names if name.startswith(self._name.text))

    def _remove_function(self, name: str) -> None:
        self._progress(f"removing the function {name}")
        self._access.client("lambda").delete_function(FunctionName=name)

    def _layers(self) -> Iterator[str]:
        names = self._selected("lambda", "list_layers", "Layers[].LayerName")
        return (name for name in names if name.startswith(self._name.text))

    def _remove_layer(self, name: str) -> None:
        client = self._access.client("lambda")
        versions = "LayerVersions[].Version"
        for number in self._selected("lambda", "list_layer_versions", versions, LayerName=name):
            client.delete_layer_version(LayerName=name, VersionNumber=number)

    def _roles(self) -> Iterator[str]:
        return self._selected("iam", "list_roles", "Roles[].RoleName", PathPrefix=self._name.path)

    def _remove_role(self, name: str) -> None:
        client = self._access.client("iam")
        for policy in self._selected("iam", "list_role_policies", "PolicyNames[]", RoleName=name):
            client.delete_role_policy(RoleName=name, PolicyName=policy)
        client.delete_role(RoleName=name)

    def _log_groups(self) -> Iterator[str]:
        # Those that Lambda makes, and those that CloudFormation names by the stack.
        for start in (self._name.log_group(self._name.text), self._name.text):
            options = {"logGroupNamePrefix": start}
            names = "logGroups[].logGroupName"
            yield from self._selected("logs", "describe_log_groups", names, **options)

    def _remove_log_group(self, name: str) -> None:
        self._access.client("logs").delete_log_group(logGroupName=name)

    def _selected(self, service: str, operation: str, path: str, **options: Any) -> Iterator[Any]:
        """What this JMESPath selects from all pages."""
        pages = self._access.client(service).get_paginator(operation).paginate(**options)
        selected: Iterator[Any] = pages.search(path)
        return selected
