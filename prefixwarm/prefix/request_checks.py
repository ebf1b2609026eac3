"""Checks the request of a prefix file against the table of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UnwarmableRequestError
from prefixwarm.fields.zero_output import zero_obstacles
from prefixwarm.prefix.body import is_converse, without_placeholder
from prefixwarm.prefix.fingerprint import fingerprint, first_fingerprint
from prefixwarm.prefix.warm_request import refuse_unwarmable

if TYPE_CHECKING:
    from collections.abc import Iterator


def problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the invalid fields of a prefix file, each with the problem.

    Parameters
    ----------
    document : dict
        The file; its form is already checked.
    """
    request = document["request"]
    try:
        refuse_unwarmable(request)
    except UnwarmableRequestError as error:
        yield f"request.{error.field}", error.problem
    if not is_converse(request):
        yield from _limit_problems(request)
    if document["fingerprint"] != first_fingerprint(request, document["headers"]):
        now = fingerprint(without_placeholder(request), document["headers"])
        for name, value in now.items():
            if document["fingerprint"].get(name) != value:
                yield f"fingerprint.{name}", "does not match the request; build the file again"


def _limit_problems(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    obstacles = zero_obstacles(request)
    for obstacle in obstacles:
        if request["max_tokens"] == 0:
            problem = f"{obstacle.value!r} does not allow max_tokens 0; build the file again"
            yield f"request.{obstacle.place}", problem
    if request["max_tokens"] != 0 and not obstacles:
        yield "request.max_tokens", f"{request['max_tokens']!r}: a warm request has 0"
