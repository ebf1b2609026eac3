"""Translates a Converse body into the Messages body that Bedrock passes to the model."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.simulator import converse_shapes
from prefixwarm.simulator.api_errors import refused_by_aws
from prefixwarm.simulator.converse_blocks import block, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Json = dict[str, Any]

_INFERENCE = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop_sequences",
}
_OWN = ("model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream")


def messages_body(value: Any, model: str, *, shape: str = "ConverseRequest") -> Json:
    """Validate a Converse body and translate it.

    Parameters
    ----------
    value : object
        The parsed JSON.
    model : str
        The model in the URL path.
    shape : str
        ``ConverseRequest``, ``ConverseStreamRequest`` or ``ConverseTokensRequest``.

    Raises
    ------
    ApiError
        400 in AWS's wording; the model's own refusals come later.
    """
    converse_shapes.check(value, shape)
    request: Json = {name: inner for name, inner in value.items() if inner is not None}
    _check_turns(request.get("messages") or [])
    _check_tools(request)
    added = _added(request.get("additionalModelRequestFields") or {})
    body: Json = {"model": model, **added, **_tiers(request), **_inference(request)}
    body |= _output(request.get("outputConfig") or {}, added)
    if (request.get("performanceConfig") or {}).get("latency") == "optimized":
        raise refused_by_aws(f"Latency performance configuration is not supported for {model}.")
    return body


def _added(fields: Any) -> Json:
    if not isinstance(fields, dict):
        raise refused_by_aws("additionalModelRequestFields must be a JSON object.")
    for name in _OWN:
        if name in fields:
            raise refused_by_aws(f"The additional field {name} conflicts with an existing field.")
    return fields


def _tiers(request: Json) -> Json:
    tiers: Json = {}
    config = request.get("toolConfig")
    if config is not None:
        tiers["tools"] = list(_marked(config["tools"], "toolConfig.tools", tool))
        if config.get("toolChoice"):
            kind, more = next(iter(config["toolChoice"].items()))
            tiers["tool_choice"] = {"type": kind, **more}
    if request.get("system"):
        tiers["system"] = list(_marked(request["system"], "system", block))
    tiers["messages"] = [
        {
            "role": message["role"],
            "content": list(_marked(message["content"], f"messages.{i}.content", block)),
        }
        for i, message in enumerate(request.get("messages") or [])
    ]
    return tiers


def _marked(
    elements: list[Json], place: str, translated: Callable[[Json, str], Json]
) -> Iterator[Json]:
    """Yield blocks, with each cache point as the breakpoint of the block before it.

    Notes
    -----
    Wording from live replies: https://github.com/strands-agents/harness-sdk/pull/3677,
    https://github.com/strands-agents/harness-sdk/issues/1966,
    https://github.com/anomalyco/opencode/issues/36517.
    """
    last: Json | None = None
    for i, element in enumerate(elements):
        if "cachePoint" not in element:
            if last is not None:
                yield last
            last = translated(element, f"{place}.{i}")
            continue
        if last is None or "cache_control" in last:
            raise refused_by_aws("There is nothing available to cache.")
        _check_markable(last, elements[i - 1], f"{place}.{i}")
        ttl = element["cachePoint"].get("ttl")
        last = {**last, "cache_control": {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}}
    if last is not None:
        yield last


def _check_markable(last: Json, sent: Json, place: str) -> None:
    if last.get("type") in ("thinking", "redacted_thinking"):
        raise refused_by_aws(
            "Cache point cannot be inserted after reasoning block. "
            "Please remove the invalid cache point and try again."
        )
    if "document" in sent and sent["document"].get("format", "pdf") != "pdf":
        raise refused_by_aws(
            f"The model returned the following errors: {place}.type: Field required"
        )


def _check_turns(messages: list[Json]) -> None:
    roles = [message["role"] for message in messages if message["role"] != "system"]
    if roles and roles[0] != "user":
        raise refused_by_aws(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    if any(one == two for one, two in pairwise(roles)):
        raise refused_by_aws(
            "A conversation must alternate between user and assistant roles. Make sure the "
            "conversation alternates between user and assistant roles and try again."
        )


def _check_tools(request: Json) -> None:
    blocks = [block for message in request.get("messages") or [] for block in message["content"]]
    if "toolConfig" not in request and any("toolUse" in x or "toolResult" in x for x in blocks):
        raise refused_by_aws(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


def _inference(request: Json) -> Json:
    config = request.get("inferenceConfig") or {}
    return {_INFERENCE[name]: value for name, value in config.items() if value is not None}


def _output(config: Json, added: Json) -> Json:
    if not config:
        return {}
    extra = added.get("output_config")
    output = dict(extra) if isinstance(extra, dict) else {}
    if config.get("effort"):
        output["effort"] = config["effort"]
    if config.get("textFormat"):
        schema = config["textFormat"]["structure"]["jsonSchema"]["schema"]
        output["format"] = {"type": "json_schema", "schema": _schema(schema)}
    return {"output_config": output}


def _schema(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused_by_aws(f"outputConfig.textFormat: the schema is not JSON: {error}") from error
