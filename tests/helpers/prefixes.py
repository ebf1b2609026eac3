"""Prefix files from requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.capture.extract import Options, prefixes_from_requests
from prefixwarm.capture.warm_file import file_of
from prefixwarm.errors import UnwarmableRequestError
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.prefix.prefix_file import PrefixFile


def make_prefix(
    name: str,
    request: dict[str, Any],
    *,
    route: str = "anthropic",
    headers: dict[str, str] | None = None,
    ttl: str = "1h",
    shared_messages: int = 0,
    **more: Any,
) -> PrefixFile:
    """A prefix file from one real request, with today's prices and the model's minimum."""
    warm = derive(request, ttl=ttl, shared_messages=shared_messages)
    return file_of(name, warm, route, headers or {}, **more)


def prefix_from_requests(
    requests: Iterable[CapturedRequest], *, name: str, options: Options | None = None
) -> PrefixFile:
    """The prefix of the one agent among recorded requests; what is wrong where it has none."""
    (agent,) = prefixes_from_requests(requests, name=name, options=options)
    if agent.prefix is None:
        problem = agent.findings[0]
        raise UnwarmableRequestError(problem.place, problem.message)
    return agent.prefix
