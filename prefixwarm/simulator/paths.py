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


class Action(Enum):
    """What a path is for."""

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


_READABLE = re.compile(r"/v1/messages/batches/[^/]+(?:/results)?")


def action(request: Request) -> Action:
    """Return what a request asks for.

    Raises
    ------
    ApiError
        404 for an unknown path, 405 for another method than POST.
    """
    if request.method == "GET" and _READABLE.fullmatch(request.path):
        return Action.BATCH
    target = _PATHS.get(request.path)
    if of_model := _MODEL.fullmatch(request.path):
        target = Action.COUNT if of_model[1] else Action.CREATE
    if target is None:
        raise ApiError(404, f"Not found: {request.path}")
    if request.method != "POST":
        raise ApiError(405, "Method Not Allowed", headers={"allow": "POST"})
    return target
