"""Reads requests of Bedrock's runtime: InvokeModel, Converse and CountTokens."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from prefixwarm.fields.models import NEWEST_VERSION
from prefixwarm.simulator import cache_keys, converse
from prefixwarm.simulator.api_errors import invalid, refused_by_aws

if TYPE_CHECKING:
    from prefixwarm.simulator.model_catalog import Model


Json = dict[str, Any]
Read = tuple[Json, str, tuple[str, ...]]

ROUTES = ("bedrock", "bedrock-converse")
_VERSION = "bedrock-2023-05-31"
# https://platform.claude.com/docs/en/api/versioning: Bedrock takes the newest from 4.7 on.
_NEWEST = (4, 7)
_IN_PATH = ("model", "stream")


def route_of(path: str) -> str:
    """Return the route of a path that begins with ``/model/``."""
    return "bedrock-converse" if path.endswith(("/converse", "/converse-stream")) else "bedrock"


def read(path: str, value: Any) -> Read:
    """Turn a request into a Messages body, its version and its betas.

    Raises
    ------
    ApiError
        400.
    """
    _, _, name, action = path.split("/", 3)
    model = unquote(name)
    if action == "count-tokens":
        return _counted(model, value)
    if action.startswith("converse"):
        streamed = action == "converse-stream"
        shape = "ConverseStreamRequest" if streamed else "ConverseRequest"
        return _converse(model, value, shape)
    body, version, betas = _invoked(model, value)
    return ({**body, "stream": True} if action.endswith("stream") else body), version, betas


def check_model(model: Model, version: str, *, counting: bool) -> None:
    """Refuse a model id, or a version of it, that the runtime does not accept.

    Raises
    ------
    ApiError
        400.
    """
    profile = model.geography is not None or model.id.startswith("arn:")
    if counting and profile:
        # https://github.com/pydantic/pydantic-ai/issues/4001
        raise refused_by_aws("The provided model doesn't support counting tokens.")
    if not counting and not profile:
        raise refused_by_aws(
            f"Invocation of model ID {model.id} with on-demand throughput isn't supported. Retry "
            "your request with the ID or ARN of an inference profile that contains this model."
        )
    if version == NEWEST_VERSION and model.generation < _NEWEST:
        raise invalid(f"anthropic_version: {version} is not supported by {model.id}")


def _invoked(model: str, value: Any) -> Read:
    if not isinstance(value, dict):
        raise invalid("body: Input should be an object")
    for name in _IN_PATH:
        if name in value:
            raise invalid(f"{name}: Extra inputs are not permitted")
    version = value.get("anthropic_version")
    if version not in (_VERSION, NEWEST_VERSION):
        raise invalid("anthropic_version: Field required, such as " + _VERSION)
    return {"model": model, **value}, version, _betas(value)


def _converse(model: str, value: Any, shape: str) -> Read:
    body = converse.messages_body(value, model, shape=shape)
    if shape == "ConverseStreamRequest":
        body["stream"] = True
    return body, _VERSION, _betas(body)


def _counted(model: str, value: Any) -> Read:
    source = value.get("input") if isinstance(value, dict) else None
    if not isinstance(source, dict) or len(source) != 1:
        raise refused_by_aws(
            "CountTokensInput object at input must set one of the following keys: "
            "invokeModel, converse."
        )
    if "converse" in source:
        return _converse(model, source["converse"], "ConverseTokensRequest")
    try:
        return _invoked(model, orjson.loads(base64.b64decode(source["invokeModel"]["body"])))
    except (KeyError, TypeError, binascii.Error, orjson.JSONDecodeError) as error:
        raise refused_by_aws("input.invokeModel.body is not a base64 InvokeModel body") from error


def _betas(body: Json) -> tuple[str, ...]:
    betas = body.get("anthropic_beta") or []
    if not isinstance(betas, list) or not all(isinstance(beta, str) for beta in betas):
        raise invalid("anthropic_beta: Input should be a list of strings")
    return cache_keys.betas(betas)
