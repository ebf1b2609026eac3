"""The provider's own count of a prefix's tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prefixwarm.core.errors import ProtocolError, UsageError
from prefixwarm.core.http import Request
from prefixwarm.core.provider import error_of
from prefixwarm.core.routes import route_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.deadline import Deadline
    from prefixwarm.core.prefix_file import PrefixFile
    from prefixwarm.core.provider import Provider

__all__ = ["count_tokens"]

# https://platform.claude.com/docs/en/build-with-claude/token-counting
_COUNTED = ("model", "tools", "system", "messages", "thinking", "tool_choice", "output_config")


def count_tokens(
    prefix: PrefixFile, provider: Provider, environ: Mapping[str, str], deadline: Deadline
) -> int:
    """Ask the provider how many tokens a prefix has; it costs nothing.

    Parameters
    ----------
    prefix : PrefixFile
        The prefix.
    provider : Provider
        Authenticates and carries the two requests.
    environ : mapping of str to str
        Holds base URLs, region and workspace under the SDKs' own names.
    deadline : Deadline
        The end of waiting.

    Returns
    -------
    int
        Tokens of the request less those of the placeholder alone.

    Raises
    ------
    UsageError
        When the route cannot count.
    PrefixwarmError
        When the provider cannot be asked.
    """
    if prefix.route == "bedrock":
        raise UsageError("the route bedrock does not count tokens; count a file of another route")
    whole = {name: prefix.request[name] for name in _COUNTED if name in prefix.request}
    alone = {"model": prefix.model, "messages": prefix.request["messages"][-1:]}
    counts = [_count(body, prefix, provider, environ, deadline) for body in (whole, alone)]
    return counts[0] - counts[1]


def _count(
    body: Mapping[str, Any],
    prefix: PrefixFile,
    provider: Provider,
    environ: Mapping[str, str],
    deadline: Deadline,
) -> int:
    route = route_named(prefix.route)
    request = Request(
        method="POST",
        url=route.url(prefix.model, environ) + "/count_tokens",
        headers={**route.own_headers(environ), **prefix.headers},
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
    )
    response = provider.ask(route, request, deadline)
    if response.status != 200:
        raise error_of(response)
    try:
        return int(json.loads(response.body)["input_tokens"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError("the provider's reply holds no input_tokens") from error
