"""From a Converse body to the Messages body that Bedrock hands on to the model."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.simulator import converse_shapes
from prefixwarm.simulator.api_errors import refused_by_aws
from prefixwarm.simulator.converse_blocks import block, system_block, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["messages_body"]

Json = dict[str, Any]

# The model's own maximum; what a request gets that names no limit.
_MOST_TOKENS = 64_000
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
        Of the path.
    shape : str
        ``ConverseRequest``, ``ConverseStreamRequest`` or ``ConverseTokensRequest``.

    Raises
    ------
    ApiError
        400, in AWS's own words; what the model itself refuses is found later.
    """
    converse_shapes.check(value, shape)
    given: Json = {name: inner for name, inner in value.items() if inner is not None}
    _check_turns(given.get("messages") or [])
    _check_tools(given)
    added = _added(given.get("additionalModelRequestFields") or {})
    body: Json = {"model": model, **added, **_tiers(given), **_inference(given)}
    body |= _output(given.get("outputConfig") or {}, added)
    if (given.get("performanceConfig") or {}).get("latency") == "optimized":
        raise refused_by_aws(f"Latency performance configuration is not supported for {model}.")
    return body


def _added(fields: Any) -> Json:
    if not isinstance(fields, dict):
        raise refused_by_aws("additionalModelRequestFields must be a JSON object.")
    for name in _OWN:
        if name in fields:
            raise refused_by_aws(f"The additional field {name} conflicts with an existing field.")
    return fields


def _tiers(given: Json) -> Json:
    found: Json = {}
    config = given.get("toolConfig")
    if config is not None:
        found["tools"] = list(_marked(config["tools"], "toolConfig.tools", tool))
        if config.get("toolChoice"):
            kind, more = next(iter(config["toolChoice"].items()))
            found["tool_choice"] = {"type": kind, **more}
    if given.get("system"):
        found["system"] = list(_marked(given["system"], "system", system_block))
    found["messages"] = [
        {
            "role": each["role"],
            "content": list(_marked(each["content"], f"messages.{i}.content", block)),
        }
        for i, each in enumerate(given.get("messages") or [])
    ]
    return found


def _marked(
    elements: list[Json], place: str, translated: Callable[[Json, str], Json]
) -> Iterator[Json]:
    """The blocks; a cache point is the marker of the one before it.

    Notes
    -----
    Refusals as seen in live replies: https://github.com/strands-agents/harness-sdk/pull/3677,
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
    roles = [each["role"] for each in messages if each["role"] != "system"]
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


def _check_tools(given: Json) -> None:
    blocks = [each for message in given.get("messages") or [] for each in message["content"]]
    if "toolConfig" not in given and any("toolUse" in x or "toolResult" in x for x in blocks):
        raise refused_by_aws(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


def _inference(given: Json) -> Json:
    config = given.get("inferenceConfig") or {}
    named = {_INFERENCE[name]: value for name, value in config.items() if value is not None}
    return {"max_tokens": _MOST_TOKENS, **named}


def _output(config: Json, added: Json) -> Json:
    if not config:
        return {}
    also = added.get("output_config")
    found = dict(also) if isinstance(also, dict) else {}
    if config.get("effort"):
        found["effort"] = config["effort"]
    if config.get("textFormat"):
        schema = config["textFormat"]["structure"]["jsonSchema"]["schema"]
        found["format"] = {"type": "json_schema", "schema": _schema(schema)}
    return {"output_config": found}


def _schema(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused_by_aws(f"outputConfig.textFormat: the schema is not JSON: {error}") from error
