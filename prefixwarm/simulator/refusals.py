"""Determines why the provider would refuse a request, without a server or cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefixwarm.simulator import call, markers, prompt_blocks
from prefixwarm.simulator.api_errors import ApiError
from prefixwarm.simulator.auth import Caller
from prefixwarm.simulator.http_types import Request
from prefixwarm.simulator.settings import Principal, Settings, Switches

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNKNOWN_MODEL = 404
_VERSION = "anthropic-version"
_OPERATIONS = {"bedrock": ("model", "invoke"), "bedrock-converse": ("modelId", "converse")}


def refusal(
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    route: str = "anthropic",
    switches: Switches | None = None,
) -> str | None:
    """Return why the provider would refuse a request for a message.

    Parameters
    ----------
    body : mapping
        The request's body, including ``model`` on Bedrock's runtime, or ``modelId`` for Converse.
    headers : mapping of str to str, optional
        Only ``anthropic-version`` (by default the oldest) and ``anthropic-beta`` count.
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    switches : Switches, optional
        For unsettled behaviour.

    Returns
    -------
    str or None
        The error message, which names the place; None if the request is accepted, or the simulator
        does not know the model.
    """
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    request = _request(body, {_VERSION: call.VERSIONS[0], **lower}, route)
    caller = Caller(Principal(), "")
    try:
        parsed = call.parse(request, route, caller, Settings(), switches or Switches())
        blocks = prompt_blocks.flatten(parsed.body, parsed.model)
        markers.find(blocks, parsed.body.get("cache_control"))
    except ApiError as error:
        return None if error.status == _UNKNOWN_MODEL else error.message
    return None


def _request(body: Mapping[str, Any], headers: dict[str, str], route: str) -> Request:
    path, sent = "/v1/messages", dict(body)
    if route in _OPERATIONS:
        name, operation = _OPERATIONS[route]
        path = f"/model/{quote(str(sent.pop(name, '')), safe='', errors='replace')}/{operation}"
    return Request("POST", path, "", headers, json.dumps(sent).encode())
