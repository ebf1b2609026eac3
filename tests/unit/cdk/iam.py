"""Decides requests by the policies of a synthesised template, as IAM does.

Knows the operators that our policies use and refuses all others, so that nothing passes because
it was not understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


ACCOUNT, REGION = "123456789012", "eu-west-1"
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


@dataclass(frozen=True)
class Role:
    """The statements that hold for one role."""

    statements: Sequence[Mapping[str, Any]]

    def may(self, action: str, resource: str, **context: Sequence[str]) -> bool:
        """Whether a request is allowed: some statement allows it, none denies it.

        Parameters
        ----------
        context
            Values of condition keys, with ``_`` for the colon: ``dynamodb_LeadingKeys=[...]``.
        """
        keys = {name.replace("_", ":", 1): values for name, values in context.items()}
        effects = [s["Effect"] for s in self.statements if _applies(s, action, resource, keys)]
        return "Allow" in effects and "Deny" not in effects


def roles_of(template: Mapping[str, Any]) -> dict[str, Role]:
    """The roles by logical id, with the policies attached to them in the template."""
    resources = template["Resources"]
    roles: dict[str, list[Mapping[str, Any]]] = {
        name: [] for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"
    }
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy":
            document = resolved(resource["Properties"]["PolicyDocument"])
            for role in resource["Properties"]["Roles"]:
                roles[role["Ref"]] += document["Statement"]
    return {name: Role(statements) for name, statements in roles.items()}


def resolved(value: Any) -> Any:
    """A part of a template with names in the place of references."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return _PSEUDO.get(value["Ref"], value["Ref"])
    if "Fn::GetAtt" in value:
        return f"arn:of:{value['Fn::GetAtt'][0]}"
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(resolved(parts))
    if "Fn::Sub" in value:
        return re.sub(r"\$\{(.+?)\}", lambda m: _PSEUDO[m[1]], value["Fn::Sub"])
    assert not any(key.startswith("Fn::") for key in value), value
    return {key: resolved(item) for key, item in value.items()}


def _applies(
    statement: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, Sequence[str]]
) -> bool:
    assert set(statement) <= {"Action", "Condition", "Effect", "Resource", "Sid"}, statement
    return (
        any(_like(action.lower(), a.lower()) for a in _many(statement["Action"]))
        and any(_like(resource, r) for r in _many(statement["Resource"]))
        and all(
            _holds(operator, _many(wanted), keys.get(key, ()))
            for operator, tests in statement.get("Condition", {}).items()
            for key, wanted in tests.items()
        )
    )


def _holds(operator: str, wanted: Sequence[str], actual: Sequence[str]) -> bool:
    """Whether a condition is met; `ForAllValues` is met by a request without the key."""
    matches = {
        "ForAllValues:StringEquals": lambda value, pattern: value == pattern,
        "ForAllValues:StringLike": _like,
    }[operator]
    return all(any(matches(value, pattern) for pattern in wanted) for value in actual)


def _like(value: str, pattern: str) -> bool:
    """With ``*`` for any characters and ``?`` for one."""
    form = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(form, value, re.DOTALL) is not None


def _many(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
