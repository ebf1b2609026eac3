"""Starts MiniStack; run as a program in its own process.

What it cannot create is stood in for: resource types that it does not have, and custom resources,
whose functions it could not run. Such a resource exists and has any attribute, and nothing behind
it. `LocalAws.stand_ins` names them.

Its clock can be moved ahead: the table's time is the time of the warm state.
"""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any, cast

import ministack.app
from ministack.services.cloudformation import provisioners

from prefixwarm.local.ministack_files import AHEAD, STAND_INS

_CUSTOM = "AWS::CloudFormation::CustomResource"
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a resource type


class _AnyAttribute(dict[str, str]):
    """Has every attribute; each one's value names it."""

    def __init__(self, made: str) -> None:
        super().__init__(Id=made, Arn=f"arn:aws:stand-in:::{made}")

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"{self['Id']}-{name}"

    def __deepcopy__(self, _memo: object) -> _AnyAttribute:
        return self


class _Handlers(dict[str, Any]):
    """MiniStack's own handlers, and one that stands in for all that it does not have."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and bool(self.get(kind))

    def get(self, kind: str, default: Any = None) -> Any:
        if kind in self.keys() and kind != _CUSTOM:
            return self[kind]
        own = kind.startswith("Custom::") or kind == _CUSTOM
        return _stand_in(kind) if own or kind.startswith("AWS::") else default


def _stand_in(kind: str) -> dict[str, Any]:
    def create(logical_id: str, _props: object, stack: str) -> tuple[str, dict[str, str]]:
        made = f"{stack}-{logical_id}"
        with Path(STAND_INS).open("a") as file:
            file.write(json.dumps([kind, stack, logical_id]) + "\n")
        return made, _AnyAttribute(made)

    def update(made: str, _old: object, _new: object, _stack: str) -> tuple[str, dict[str, str]]:
        return made, _AnyAttribute(made)

    def delete(_made: str, _props: object) -> None:
        """Delete nothing, since nothing was created."""

    return {"create": create, "update": update, "delete": delete}


def _by_arn(own: dict[str, Any]) -> dict[str, Any]:
    """Handlers of secrets whose `Ref` is their ARN, as in CloudFormation, and not their name."""

    def create(*arguments: object) -> tuple[str, dict[str, str]]:
        _, attributes = own["create"](*arguments)
        return attributes["Arn"], attributes

    def update(arn: str, *arguments: object) -> tuple[str, dict[str, str]]:
        _, attributes = own["update"](_name(arn), *arguments)
        return attributes["Arn"], attributes

    def delete(arn: str, properties: object) -> None:
        own["delete"](_name(arn), properties)

    return {**own, "create": create, "update": update, "delete": delete}


def _name(arn: str) -> str:
    """A secret's name: its ARN has six letters behind it."""
    return arn.partition(":secret:")[2].rpartition("-")[0]


def _date(*, usegmt: bool) -> str:
    try:
        ahead = float(Path(AHEAD).read_text())
    except (OSError, ValueError):
        ahead = 0.0
    return formatdate(time.time() + ahead, usegmt=usegmt)


if __name__ == "__main__":
    handlers = _Handlers(cast("dict[str, Any]", provisioners._RESOURCE_HANDLERS))
    handlers[_SECRET] = _by_arn(handlers[_SECRET])
    provisioners._RESOURCE_HANDLERS = handlers
    ministack.app.formatdate = _date
    ministack.app.main()
