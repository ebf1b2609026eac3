"""Maps paths to actions."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from prefixwarm.simulator.api_errors import ApiError
from prefixwarm.simulator.batches import PATH as BATCH_PATH
from prefixwarm.simulator.oauth import PATH as TOKEN_PATH

if TYPE_CHECKING:
    from prefixwarm.simulator.http_types import Request

_MODEL = re.compile(
    r"/model/[^/]+/(?:invoke(?:-with-response-stream)?|converse(?:-stream)?|(count-tokens))"
)
# Paths of other APIs, with their names.
_OTHER_APIS = {
    "/chat/completions": "OpenAI's Chat Completions API",
    "/responses": "OpenAI's Responses API",
    "/complete": "the retired Text Completions API",
}


class Action(Enum):
    """The purpose of a path."""

    CREATE = "create"
    COUNT = "count"
    TOKEN = "token"  # noqa: S105
    BATCH = "batch"


_PATHS = {
    "/v1/messages": Action.CREATE,
    "/v1/messages/count_tokens": Action.COUNT,
    "/anthropic/v1/messages": Action.CREATE,
    "/anthropic/v1/messages/count_tokens": Action.COUNT,
    TOKEN_PATH: Action.TOKEN,
    BATCH_PATH: Action.BATCH,
}
# Clients whose base URL includes the version, such as the Vercel AI SDK, leave it out here.
_PATHS |= {
    path.replace("/v1/messages", "/messages"): action
    for path, action in _PATHS.items()
    if action in (Action.CREATE, Action.COUNT)
}
_READABLE = re.compile(r"/v1/messages/batches/[^/]+(?:/results)?")


def action(request: Request) -> Action:
    """Return a request's action.

    Raises
    ------
    ApiError
        404 for an unknown path, 405 for a method other than POST.
    """
    if request.method == "GET" and _READABLE.fullmatch(request.path):
        return Action.BATCH
    target = _PATHS.get(request.path)
    if of_model := _MODEL.fullmatch(request.path):
        target = Action.COUNT if of_model[1] else Action.CREATE
    if target is None:
        raise ApiError(404, _not_found(request.path))
    if request.method != "POST":
        raise ApiError(405, "Method Not Allowed", headers={"allow": "POST"})
    return target


def _not_found(path: str) -> str:
    for ending, name in _OTHER_APIS.items():
        if path.endswith(ending):
            return (
                f"Not found: {path} is {name}, which has no cache breakpoints and is not served "
                "here; use the client's Anthropic provider, which sends to /v1/messages"
            )
    return f"Not found: {path}"
