"""One request as the agent sent it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.routes import Route

__all__ = ["CapturedRequest", "read_request"]

_MESSAGES = "/v1/messages"
_INVOKE = ("/invoke", "/invoke-with-response-stream")


@dataclass
class CapturedRequest:
    """One request for a message.

    Attributes
    ----------
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle`` or ``bedrock``.
    headers : dict of str to str
        Only those that shape the prompt: ``anthropic-version``, ``anthropic-beta``.
    body : dict
        The request's body, keys in received order; on ``bedrock`` with the model of the path.
    status : int
        HTTP status of the answer; 0 when there was none.
    """

    route: str
    headers: dict[str, str]
    body: dict[str, Any]
    status: int = 200

    @property
    def model(self) -> str:
        """The model id as the agent sends it."""
        return str(self.body.get("model", ""))

    @property
    def answered(self) -> bool:
        """Whether the provider took the request."""
        return 200 <= self.status < 300


def read_request(
    route: Route, path: str, headers: Mapping[str, str], body: bytes
) -> CapturedRequest | None:
    """Read what an agent sent.

    Returns
    -------
    CapturedRequest or None
        None when it is no request for a message (token counting, model lists, not JSON).
    """
    place = path.partition("?")[0]
    model = _model_in(place)
    if model is None and not place.endswith(_MESSAGES):
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    if model is not None:
        document = {"model": model, **document}
    shaping = {k.lower(): v for k, v in headers.items() if k.lower() in route.allowed_headers}
    return CapturedRequest(route.name, shaping, document, status=0)


def _model_in(path: str) -> str | None:
    """The model that InvokeModel has in its path."""
    for ending in _INVOKE:
        if path.endswith(ending) and "/model/" in path:
            return unquote(path.rpartition("/model/")[2].removesuffix(ending))
    return None
