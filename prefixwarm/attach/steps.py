"""The steps of attaching, in order; each can be undone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from prefixwarm.attach.agent_function import layer_name
from prefixwarm.attach.attach_record import TAGS
from prefixwarm.attach.aws_errors import aws_errors, is_missing
from prefixwarm.attach.configuration import edit
from prefixwarm.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.attach.agent_function import AgentFunction


# Marks our versions, in case someone else's layer has the same name.
DESCRIPTION = "prefixwarm attach"


class Step(Protocol):
    """One change in the account.

    Attributes
    ----------
    what : str
        A description of what it changes.
    """

    what: str

    def do(self) -> None:
        """Make the change; repeating it is harmless."""

    def undo(self) -> None:
        """Restore the state before the change, as far as it was made."""


def policy_name(function: str) -> str:
    """The name of the inline policy with an attached function's permissions."""
    return f"prefixwarm-{function}"


def run(steps: Sequence[Step], name: str) -> None:
    """Make the changes in order; if one fails, undo all.

    Raises
    ------
    DeploymentError
        The message names the failed change, why, and what could not be undone.
    """
    begun: list[Step] = []
    for step in steps:
        begun.append(step)
        try:
            with aws_errors(step.what):
                step.do()
        except BaseException as error:
            left = _put_back(begun)
            if not isinstance(error, Exception) and not left:
                raise
            raise DeploymentError(
                f"{error or type(error).__name__}; {_after(left, name)}"
            ) from error


def _put_back(begun: Sequence[Step]) -> list[str]:
    """Undo from the last step back; return what could not be undone."""
    left = []
    for step in reversed(begun):
        try:
            with aws_errors(step.what):
                step.undo()
        except Exception as error:  # noqa: BLE001, PERF203 - the others must still be undone
            left.append(str(error))
    return left


def _after(left: Sequence[str], name: str) -> str:
    if not left:
        return "everything is as it was before"
    return f"not undone: {'; '.join(left)}; `prefixwarm detach {name}` removes the rest"


class TagStep:
    """Records what is about to be attached, before any change."""

    what = "the function's tags"

    def __init__(
        self, client: Any, function: AgentFunction, tags: Mapping[str, str], *earlier: str
    ) -> None:
        """Take the tags to write, and the names of tags an earlier step may have written."""
        self._client = client
        self._arn = function.arn
        self._tags = dict(tags)
        self._before = {name: text for name, text in function.tags.items() if name in TAGS}
        self._names = {*self._tags, *self._before, *earlier}

    def do(self) -> None:
        """See `Step`."""
        self._set(self._tags)

    def undo(self) -> None:
        """See `Step`."""
        self._set(self._before)

    def _set(self, tags: dict[str, str]) -> None:
        if tags:
            self._client.tag_resource(Resource=self._arn, Tags=tags)
        if gone := sorted(name for name in self._names if name not in tags):
            self._client.untag_resource(Resource=self._arn, TagKeys=gone)


class RoleStep:
    """Gives the function's role the permissions that the layer needs."""

    def __init__(self, client: Any, role: str, function: str, policy: Mapping[str, Any]) -> None:
        self.what = f"the policy {policy_name(function)} of the role {role}"
        self._client = client
        self._names = {"RoleName": role, "PolicyName": policy_name(function)}
        self._policy = dict(policy)
        self._before: dict[str, Any] | None = None
        self._seen = False

    def do(self) -> None:
        """See `Step`."""
        self._before = self._current()
        self._seen = True
        self._put(self._policy)

    def undo(self) -> None:
        """See `Step`."""
        if not self._seen:
            return
        if self._before is not None:
            self._put(self._before)
        elif self._current() is not None:
            self._client.delete_role_policy(**self._names)

    def _put(self, policy: dict[str, Any]) -> None:
        self._client.put_role_policy(**self._names, PolicyDocument=json.dumps(policy))

    def _current(self) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_role_policy(**self._names)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        document = answer["PolicyDocument"]
        return dict(json.loads(document) if isinstance(document, str) else document)


class LayerStep:
    """Publishes the layer with the function's prefixes.

    Attributes
    ----------
    arn : str
        The published version's ARN.
    """

    def __init__(self, client: Any, function: AgentFunction, code: bytes) -> None:
        self.what = f"the layer {layer_name(function.name)}"
        self.arn = ""
        self._client = client
        self._name = layer_name(function.name)
        self._code = code
        self._before: set[str] | None = None

    def do(self) -> None:
        """See `Step`."""
        self._before = {*own_versions(self._client, self._name)}
        published = self._client.publish_layer_version(
            LayerName=self._name,
            Description=DESCRIPTION,
            Content={"ZipFile": self._code},
            LicenseInfo="Apache-2.0",
        )
        self.arn = published["LayerVersionArn"]

    def undo(self) -> None:
        """See `Step`."""
        if self._before is not None:
            delete_versions(self._client, self._name, keep=self._before)


class ConfigurationStep:
    """Sets the function's layer and variables, and waits until Lambda has applied them."""

    what = "the function's configuration"

    def __init__(
        self,
        client: Any,
        function: AgentFunction,
        layer: LayerStep | None,
        variables: Mapping[str, str],
        removed: Sequence[str],
    ) -> None:
        self._client = client
        self._function = function
        self._layer = layer
        self._variables = dict(variables)
        self._removed = tuple(removed)

    def do(self) -> None:
        """See `Step`."""
        edit(self._client, self._function.name, self._attached)

    def undo(self) -> None:
        """See `Step`."""
        edit(self._client, self._function.name, self._as_before)

    def _attached(self, now: AgentFunction) -> tuple[list[str], dict[str, str]]:
        variables = {**now.environment, **self._variables}
        kept = {name: text for name, text in variables.items() if name not in self._removed}
        if self._layer is None:
            return list(now.layers), kept
        return with_layer(now, self._layer.arn), kept

    def _as_before(self, now: AgentFunction) -> tuple[list[str], dict[str, str]]:
        """Restore what this step changed, keeping later changes by others."""
        before, variables = self._function.environment, dict(now.environment)
        for name in (*self._variables, *self._removed):
            variables.pop(name, None)
            if name in before:
                variables[name] = before[name]
        own = [arn for arn in self._function.layers if arn.startswith(now.layer_arn)]
        return with_layer(now, own[0] if own else None), variables


def with_layer(function: AgentFunction, arn: str | None) -> list[str]:
    """The function's layers with our version replaced, appended, or removed."""
    layers = list(function.layers)
    places = [at for at, layer in enumerate(layers) if layer.startswith(function.layer_arn)]
    for at in reversed(places):
        del layers[at]
    if arn:
        layers.insert(places[0] if places else len(layers), arn)
    return layers


def own_versions(client: Any, layer: str) -> dict[str, int]:
    """The version numbers of a layer that `attach` published, by ARN."""
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=layer)
    return {
        version["LayerVersionArn"]: version["Version"]
        for version in pages.search("LayerVersions[]")
        if version.get("Description") == DESCRIPTION
    }


def delete_versions(client: Any, layer: str, keep: set[str]) -> None:
    """Delete the versions that `attach` published, except these ARNs."""
    for arn, number in own_versions(client, layer).items():
        if arn not in keep:
            client.delete_layer_version(LayerName=layer, VersionNumber=number)


def delete_policy(client: Any, role: str, policy: str) -> None:
    """Delete an inline policy of a role, if policy and role still exist."""
    from botocore.exceptions import ClientError

    try:
        client.delete_role_policy(RoleName=role, PolicyName=policy)
    except ClientError as error:
        if not is_missing(error):
            raise
