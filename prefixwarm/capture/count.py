"""The provider's own count of a prefix's tokens."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

from prefixwarm.core.credentials import fetch_secret
from prefixwarm.core.errors import CredentialsError, ProtocolError, ProviderError, UsageError
from prefixwarm.core.http import Request
from prefixwarm.core.routes import route_named
from prefixwarm.core.sigv4 import sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.aws import AwsClient
    from prefixwarm.core.deadline import Deadline
    from prefixwarm.core.prefix_file import PrefixFile
    from prefixwarm.core.routes import Route
    from prefixwarm.core.seams import Transport

__all__ = ["count_tokens"]

# https://platform.claude.com/docs/en/build-with-claude/token-counting
_COUNTED = ("model", "tools", "system", "messages", "thinking", "tool_choice", "output_config")


def count_tokens(
    prefix: PrefixFile,
    transport: Transport,
    client: AwsClient,
    secret: str | None,
    deadline: Deadline,
) -> int:
    """Ask the provider how many tokens a prefix has; it costs nothing.

    Parameters
    ----------
    prefix : PrefixFile
        The prefix.
    transport : Transport
        Carries the two requests.
    client : AwsClient
        Signs them on the routes of AWS; its environment holds keys and base URLs.
    secret : str or None
        Where the API key is kept, when the environment holds none.
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
    counts = [_count(body, prefix, transport, client, secret, deadline) for body in (whole, alone)]
    return counts[0] - counts[1]


def _count(
    body: Mapping[str, Any],
    prefix: PrefixFile,
    transport: Transport,
    client: AwsClient,
    secret: str | None,
    deadline: Deadline,
) -> int:
    route = route_named(prefix.route)
    request = Request(
        method="POST",
        url=route.url(prefix.model, client.environ) + "/count_tokens",
        headers={**route.own_headers(client.environ), **prefix.headers},
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
    )
    response = transport.send(_authenticated(request, route, client, secret, deadline), deadline)
    if response.status != 200:
        raise ProviderError(response.status)
    try:
        return int(json.loads(response.body)["input_tokens"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError("the provider's reply holds no input_tokens") from error


def _authenticated(
    request: Request, route: Route, client: AwsClient, secret: str | None, deadline: Deadline
) -> Request:
    environ = client.environ
    key = route.key(environ) or (fetch_secret(secret, client, deadline) if secret else None)
    if key:
        return request.replace(headers={**request.headers, "Authorization": f"Bearer {key}"})
    if route.signing_service is None:
        raise CredentialsError(f"no API key to count with: set {route.key_variables[0]}")
    return sign(
        request,
        client.credentials(deadline),
        region=route.region(environ),
        service=route.signing_service,
        now=time(),
    )
