"""Asks the provider to count a prefix's tokens."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import ProtocolError, UsageError
from prefixwarm.provider.client import error_of
from prefixwarm.provider.routes import CONVERSE, INVOKE_MODEL_VERSION, route_named
from prefixwarm.state.outcome import is_count
from prefixwarm.wire.http import Request
from prefixwarm.wire.url import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.provider.client import Provider
    from prefixwarm.wire.deadline import Deadline


# https://platform.claude.com/docs/en/build-with-claude/token-counting
_COUNTED = ("model", "tools", "system", "messages", "thinking", "tool_choice", "output_config")
# Botocore's ConverseTokensRequest.
_CONVERSE_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")
_PROVIDER = "the provider"


def count_tokens(
    prefix: PrefixFile, provider: Provider, environ: Mapping[str, str], deadline: Deadline
) -> int:
    """Ask the provider to count a prefix's tokens, which is free.

    Parameters
    ----------
    prefix : PrefixFile
        The prefix.
    provider : Provider
        Authenticates and sends the two requests.
    environ : mapping of str to str
        Holds base URLs, region and workspace under the SDKs' own names.
    deadline : Deadline
        When to stop waiting.

    Returns
    -------
    int
        Tokens of the request minus those of the placeholder alone.

    Raises
    ------
    UsageError
        The route cannot count.
    PrefixwarmError
        The provider cannot be reached, or refuses.
    """
    messages = prefix.request["messages"]
    counts = [
        _count(body, prefix, provider, environ, deadline)
        for body in (prefix.request, {"model": prefix.model, "messages": messages[-1:]})
    ]
    if counts[0] < counts[1]:
        raise ProtocolError(f"{_PROVIDER} counts fewer tokens with the prefix than without")
    return counts[0] - counts[1]


def _count(
    body: Mapping[str, Any],
    prefix: PrefixFile,
    provider: Provider,
    environ: Mapping[str, str],
    deadline: Deadline,
) -> int:
    route = route_named(prefix.route)
    url = route.url(prefix.model, environ) + "/count_tokens"
    asked = {name: body[name] for name in _COUNTED if name in body}
    if route.signing_service == "bedrock":
        model = quote(_base_model(prefix.model), ":;")
        url = f"{route.base(environ).rstrip('/')}/model/{model}/count-tokens"
        asked = {"input": _input(body, route.name)}
    request = Request(
        method="POST",
        url=url,
        headers={**route.own_headers(environ), **prefix.headers},
        body=json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace"),
    )
    response = provider.ask(route, request, deadline)
    if response.status != 200:
        raise error_of(response)
    reply = response.json_object(_PROVIDER)
    count = reply.get("inputTokens", reply.get("input_tokens"))
    if not isinstance(count, int) or not is_count(count):
        raise ProtocolError(f"{_PROVIDER}'s reply has no token count")
    return count


def _input(body: Mapping[str, Any], route: str) -> dict[str, Any]:
    """The input of CountTokens: a Converse body, or an InvokeModel body in base64."""
    if route == CONVERSE:
        return {"converse": {name: body[name] for name in _CONVERSE_COUNTED if name in body}}
    more = {name: value for name, value in body.items() if name != "model"}
    text = json.dumps(
        {"anthropic_version": INVOKE_MODEL_VERSION, **more, "max_tokens": 1}, ensure_ascii=False
    )
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return {"invokeModel": {"body": encoded}}


def _base_model(model: str) -> str:
    """The model behind a profile; CountTokens takes no inference profiles:
    https://github.com/pydantic/pydantic-ai/pull/3367."""
    _, vendor, name = model.rpartition("anthropic.")
    if not vendor:
        raise UsageError(f"{model}: Bedrock counts only for models, and this id does not name one")
    return vendor + name
