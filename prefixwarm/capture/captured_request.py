"""One request, as the agent sent it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from prefixwarm.prefix.prompt import Prompt
from prefixwarm.provider.routes import CONVERSE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.provider.routes import Route


# The version is missing if the client's base URL includes it, as with the Vercel AI SDK.
_MESSAGES = "/messages"
_RUNTIME = {
    "/invoke": "bedrock",
    "/invoke-with-response-stream": "bedrock",
    "/converse": CONVERSE,
    "/converse-stream": CONVERSE,
}


@dataclass
class CapturedRequest:
    """One request for a message.

    Attributes
    ----------
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    headers : dict of str to str
        Only those that affect the prompt: ``anthropic-version``, ``anthropic-beta``.
    body : dict
        The request's body, keys in received order, with the model from the path as ``model``, or
        on ``bedrock-converse`` as ``modelId``.
    status : int
        HTTP status of the reply; 0 if there was none.
    refusal : str
        The provider's error message if it refused the request, safe to print.
    client : str
        The sender's ``user-agent``.
    """

    route: str
    headers: dict[str, str]
    body: dict[str, Any]
    status: int = 200
    refusal: str = ""
    client: str = ""

    @cached_property
    def prompt(self) -> Prompt:
        """The request as the provider's cache sees it."""
        return Prompt(self.body, self.headers, self.route)

    @property
    def model(self) -> str:
        """The model id as the agent sends it."""
        return self.prompt.model

    @property
    def answered(self) -> bool:
        """Whether the provider accepted the request."""
        return 200 <= self.status < 300


@dataclass
class OtherRequest:
    """A request other than for a message.

    Attributes
    ----------
    method, path : str
        Without the query.
    status : int
        HTTP status of the reply; 0 if there was none.
    refusal : str
        The error message of a reply of 400 or above, safe to print.
    """

    method: str
    path: str
    status: int = 0
    refusal: str = ""


def read_request(
    route: Route, path: str, headers: Mapping[str, str], body: bytes
) -> CapturedRequest | None:
    """Parse an agent's request.

    Returns
    -------
    CapturedRequest or None
        None if it is not a request for a message (token counting, model lists, not JSON).
    """
    place = path.partition("?")[0]
    runtime = _in_path(place)
    if runtime is None and not place.endswith(_MESSAGES):
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    name = route.name
    if runtime is not None:
        model, name = runtime
        document = {"modelId" if name == CONVERSE else "model": model, **document}
    shaping = {k.lower(): v for k, v in headers.items() if k.lower() in route.allowed_headers}
    client = next((v for k, v in headers.items() if k.lower() == "user-agent"), "")
    return CapturedRequest(name, shaping, document, status=0, client=client)


def _in_path(path: str) -> tuple[str, str] | None:
    """The model and the route in a path of Bedrock's runtime."""
    for ending, route in _RUNTIME.items():
        if path.endswith(ending) and "/model/" in path:
            return unquote(path.rpartition("/model/")[2].removesuffix(ending)), route
    return None
