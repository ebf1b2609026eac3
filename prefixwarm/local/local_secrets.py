"""Creates the secrets and parameters that an app expects in a local account."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.local.cloud_assembly import AssembledStack
    from prefixwarm.local.local_aws import LocalAws

PLACEHOLDER = "sk-ant-placeholder-of-prefixwarm-try"

_SECRET_ARN = re.compile(r":secretsmanager:[^:]*:([^:]*):secret:([\w/+=.@-]+)")
_PARAMETER_ARN = re.compile(r":ssm:[^:]*:[^:]*:parameter(/?[\w./-]+)")
_REFERENCE = re.compile(
    r"\{\{resolve:(secretsmanager|ssm|ssm-secure):([^:}]+)(?::SecretString:([^:}]+))?"
)
_PARAMETER_TYPE = "AWS::SSM::Parameter::Value<"
# CDK's own, which bootstrapping creates.
_BOOTSTRAP = "/cdk-bootstrap/"
_ADDED = re.compile(r"-[A-Za-z0-9]{6}$")
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a resource type
_ANY = "${any}"


@dataclass(frozen=True)
class Expected:
    """The secrets and parameters of an app.

    Attributes
    ----------
    secrets : mapping of str to set of str
        Secrets that templates refer to but do not create, with the JSON keys they read; none for a
        plain text.
    parameters : mapping of str to str
        CloudFormation's type of each SSM parameter that templates refer to but do not create.
    created : mapping of str to (str, str)
        Stack and logical id of each secret that templates create, by each of its names.
    account : str
        The account in the secrets' ARNs; empty if there is none.
    """

    secrets: Mapping[str, set[str]]
    parameters: Mapping[str, str]
    created: Mapping[str, tuple[str, str]]
    account: str = ""


def expected(stacks: Sequence[AssembledStack]) -> Expected:
    """Collect the secrets and parameters in these stacks' templates."""
    references = _References()
    named: set[str] = set()
    created: dict[str, tuple[str, str]] = {}
    for stack in stacks:
        for template in stack.templates():
            references.add(template)
            named |= set(_named(template))
        created |= _created(stack)
    own = {f"/{name.lstrip('/')}" for name in named}
    parameters = {
        name: kind
        for name, kind in references.parameters.items()
        if f"/{name.lstrip('/')}" not in own and not name.startswith(_BOOTSTRAP)
    }
    secrets = {name: keys for name, keys in references.secrets.items() if name not in named}
    return Expected(secrets, parameters, created, min(references.accounts, default=""))


class _References:
    """Collects references in the texts of templates."""

    def __init__(self) -> None:
        self.secrets: dict[str, set[str]] = {}
        self.parameters: dict[str, str] = {}
        self.accounts: set[str] = set()

    def add(self, template: Mapping[str, Any]) -> None:
        for parameter in template.get("Parameters", {}).values():
            kind = str(parameter.get("Type"))
            if kind.startswith(_PARAMETER_TYPE) and "Default" in parameter:
                self.parameters[str(parameter["Default"])] = kind
        for text in _texts(template.get("Resources", {})):
            self._add_text(text)

    def _add_text(self, text: str) -> None:
        for account, name in _SECRET_ARN.findall(text):
            self.secrets.setdefault(name.rstrip("-"), set())
            self.accounts |= {account} if account.isdigit() else set()
        for name in _PARAMETER_ARN.findall(text):
            self.parameters.setdefault(name, "")
        for kind, name, key in _REFERENCE.findall(text):
            if kind == "secretsmanager":
                self.secrets.setdefault(name, set()).update([key] if key else [])
            else:
                self.parameters.setdefault(name, "")


def provide(aws: LocalAws, wanted: Expected, values: Mapping[str, str]) -> list[str]:
    """Create the expected secrets and parameters, and all others in `values` as secrets.

    Returns
    -------
    list of str
        Names of those that got a placeholder because they have no value.
    """
    secrets, parameters = aws.client("secretsmanager"), aws.client("ssm")
    own_values = {name: _value(name, values) for name in (*wanted.secrets, *wanted.parameters)}
    expected_names = {*own_values, *map(_base, own_values), *wanted.created}
    others = set(values) - expected_names
    for name, keys in wanted.secrets.items():
        secrets.create_secret(Name=name, SecretString=own_values[name] or _placeholder(keys))
    for name in sorted(others):
        secrets.create_secret(Name=name, SecretString=values[name])
    for name, kind in wanted.parameters.items():
        listed = "StringList" if "List<" in kind else "String"
        value = own_values[name] or PLACEHOLDER
        parameters.put_parameter(Name=name, Value=value, Type=listed, Overwrite=True)
    return sorted(name for name, value in own_values.items() if not value)


def set_created(aws: LocalAws, wanted: Expected, values: Mapping[str, str]) -> None:
    """Set the given values of secrets that a deployment has created.

    One that is empty gets a placeholder: generating values is not emulated.
    """
    secrets = aws.client("secretsmanager")
    for place in sorted(set(wanted.created.values())):
        own_values = [
            values[name] for name, own in wanted.created.items() if own == place and name in values
        ]
        secret = _deployed(aws, *place)
        if secret and (
            own_values or not secrets.get_secret_value(SecretId=secret).get("SecretString")
        ):
            value = own_values[0] if own_values else PLACEHOLDER
            secrets.put_secret_value(SecretId=secret, SecretString=value)


def _deployed(aws: LocalAws, stack: str, logical_id: str) -> str:
    """The physical id of a resource; empty where its stack is not deployed."""
    client = aws.client("cloudformation")
    try:
        answer = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    except client.exceptions.ClientError:
        return ""
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _base(name: str) -> str:
    """A secret's name without the characters that AWS adds in its ARN."""
    return _ADDED.sub("", name)


def _value(name: str, values: Mapping[str, str]) -> str:
    return values.get(name) or values.get(_base(name)) or ""


def _placeholder(keys: set[str]) -> str:
    return json.dumps(dict.fromkeys(sorted(keys), PLACEHOLDER)) if keys else PLACEHOLDER


def _named(template: Mapping[str, Any]) -> Iterator[str]:
    """Names of the secrets and parameters that the template creates."""
    for resource in template.get("Resources", {}).values():
        name = resource.get("Properties", {}).get("Name")
        if resource["Type"] in (_SECRET, "AWS::SSM::Parameter") and isinstance(name, str):
            yield name


def _created(stack: AssembledStack) -> dict[str, tuple[str, str]]:
    created: dict[str, tuple[str, str]] = {}
    for logical_id, resource in stack.template.get("Resources", {}).items():
        if resource["Type"] == _SECRET:
            path = resource.get("Metadata", {}).get("aws:cdk:path", "").removesuffix("/Resource")
            name = resource.get("Properties", {}).get("Name")
            called = {logical_id, path, path.rpartition("/")[2]}
            called |= {name} if isinstance(name, str) else set()
            created |= dict.fromkeys(called - {""}, (stack.name, logical_id))
    return created


def _texts(value: object) -> Iterator[str]:
    """Every text of a template, with placeholders for references."""
    if isinstance(value, str):
        yield re.sub(r"\$\{[^}]*\}", _ANY, value)
    elif isinstance(value, Mapping):
        joined = value.get("Fn::Join")
        if isinstance(joined, list) and len(joined) == 2 and isinstance(joined[1], list):
            pieces = (piece if isinstance(piece, str) else _ANY for piece in joined[1])
            yield str(joined[0]).join(pieces)
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
