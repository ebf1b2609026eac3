"""Starts MiniStack; to be run as a program, in a process of its own.

It has no saved Logs Insights queries and would refuse the construct's template for them. They only
have to exist here: nothing reads them.
"""

from __future__ import annotations

from typing import Any

from ministack.app import main
from ministack.services.cloudformation import provisioners

_SAVED_QUERY = "AWS::Logs::QueryDefinition"


def _create(logical_id: str, _props: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    made = f"{stack}-{logical_id}"
    return made, {"QueryDefinitionId": made}


def _update(made: str, _old: object, _new: object, _stack: str) -> tuple[str, dict[str, str]]:
    return made, {"QueryDefinitionId": made}


def _delete(_made: str, _props: object) -> None:
    """Nothing is left of it."""


if __name__ == "__main__":
    handlers = {"create": _create, "update": _update, "delete": _delete}
    provisioners._RESOURCE_HANDLERS.setdefault(_SAVED_QUERY, handlers)
    main()
