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

# Clients whose base URL includes the version, such as the Vercel AI SDK, leave it out here.
_CREATE = re.compile(
    r"(?:/anthropic)?(?:/v1)?/messages"
    r"|/model/[^/]+/(?:invoke(?:-with-response-stream)?|converse(?:-stream)?)"
)
_COUNT = re.compile(r"(?:/anthropic)?(?:/v1)?/messages/count_tokens|/model/[^/]+/count-tokens")
_READABLE = re.compile(r"/v1/messages/batches/[^/]+(?:/results)?")
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


def action(request: Request) -> Action:
    """Return a request's action.

    Raises
    ------
    ApiError
        404 for an unknown path, 405 for a method other than POST.
    """
    if request.method == "GET" and _READABLE.fullmatch(request.path):
        return Action.BATCH
    target = _target(request.path)
    if request.method != "POST":
        raise ApiError(405, "Method Not Allowed", headers={"allow": "POST"})
    return target


def _target(path: str) -> Action:
    if _CREATE.fullmatch(path):
        return Action.CREATE
    if _COUNT.fullmatch(path):
        return Action.COUNT
    if path in (TOKEN_PATH, BATCH_PATH):
        return Action.TOKEN if path == TOKEN_PATH else Action.BATCH
    raise ApiError(404, _not_found(path))


def _not_found(path: str) -> str:
    for ending, name in _OTHER_APIS.items():
        if path.endswith(ending):
            return (
                f"Not found: {path} is {name}, which has no cache breakpoints and is not served "
                "here; use the client's Anthropic provider, which sends to /v1/messages"
            )
    return f"Not found: {path}"
