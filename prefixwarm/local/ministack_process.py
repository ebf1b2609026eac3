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


def _date(*, usegmt: bool) -> str:
    try:
        ahead = float(Path(AHEAD).read_text())
    except (OSError, ValueError):
        ahead = 0.0
    return formatdate(time.time() + ahead, usegmt=usegmt)


if __name__ == "__main__":
    handlers = _Handlers(cast("dict[str, Any]", provisioners._RESOURCE_HANDLERS))
    provisioners._RESOURCE_HANDLERS = handlers
    ministack.app.formatdate = _date
    ministack.app.main()
