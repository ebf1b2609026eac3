"""From a received request to a validated call: body, version, betas, model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson

from prefixwarm.simulator import model_rules, models, validation
from prefixwarm.simulator.errors import ApiError, invalid
from prefixwarm.simulator.keys import Context

if TYPE_CHECKING:
    from prefixwarm.simulator.auth import Caller
    from prefixwarm.simulator.settings import Settings, Switches
    from prefixwarm.simulator.wire import Request

__all__ = ["VERSIONS", "Call", "parse"]

Json = dict[str, Any]

VERSIONS = ("2023-06-01", validation.NEWEST_VERSION)
_BEDROCK_VERSION = "bedrock-2023-05-31"
# https://platform.claude.com/docs/en/api/versioning: Bedrock takes the newest from 4.7 on.
_BEDROCK_NEWEST = (4, 7)
_IN_PATH = ("model", "stream")


class Call(NamedTuple):
    """A request that passed validation."""

    body: Json
    context: Context
    model: models.Model
    batch: bool = False


def parse(
    request: Request,
    route: str,
    caller: Caller,
    settings: Settings,
    switches: Switches,
    *,
    counting: bool = False,
) -> Call:
    """Validate a request to create a message, or to count its tokens.

    Raises
    ------
    ApiError
        400, or 404 for a model that the route does not have.
    """
    value = loads(request.body)
    if route == "bedrock":
        body, version, betas = _bedrock(request, value)
    else:
        body, version, betas = _messages(request, value, route)
    body = validation.body(body, counting=counting)
    model = _model(body["model"], route, settings)
    _check_bedrock_model(model, route, version)
    model_rules.check(body, model, route=route, version=version)
    validation.max_tokens(body, refuse_zero=switches.refuse_zero)
    return Call(body, Context(route, caller.region, caller.principal, version, betas), model)


def loads(body: bytes) -> Any:
    """Parse JSON.

    Raises
    ------
    ApiError
        400.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from error


def _messages(request: Request, value: Any, route: str) -> tuple[Any, str, tuple[str, ...]]:
    version = request.headers.get("anthropic-version", "").strip()
    if not version:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f"anthropic-version: {version!r} is not a valid version")
    if isinstance(value, dict):
        for name in ("anthropic_version", "anthropic_beta"):
            if name in value:
                raise invalid(f"{name}: Extra inputs are not permitted")
    header = "" if route == "bedrock-mantle" else request.headers.get("anthropic-beta", "")
    return value, version, _betas(header.split(","))


def _bedrock(request: Request, value: Any) -> tuple[Any, str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise invalid("body: Input should be an object")
    for name in _IN_PATH:
        if name in value:
            raise invalid(f"{name}: Extra inputs are not permitted")
    version = value.get("anthropic_version")
    if version not in (_BEDROCK_VERSION, *VERSIONS[1:]):
        raise invalid("anthropic_version: Field required, such as " + _BEDROCK_VERSION)
    betas = value.get("anthropic_beta") or []
    if not isinstance(betas, list) or not all(isinstance(beta, str) for beta in betas):
        raise invalid("anthropic_beta: Input should be a list of strings")
    _, _, model, action = request.path.split("/", 3)
    body = {"model": unquote(model), **value}
    if action.endswith("stream"):
        body["stream"] = True
    return body, version, _betas(betas)


def _betas(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in names} - {""}))


def _model(model_id: str, route: str, settings: Settings) -> models.Model:
    model = models.find(model_id, route, settings.minimums)
    if model is None:
        raise ApiError(404, f"model: {model_id}")
    return model


def _check_bedrock_model(model: models.Model, route: str, version: str) -> None:
    if route != "bedrock":
        return
    if model.geography is None and not model.id.startswith("arn:"):
        raise invalid(
            f"Invocation of model ID {model.id} with on-demand throughput isn't supported. Retry "
            "your request with the ID or ARN of an inference profile that contains this model."
        )
    if version == validation.NEWEST_VERSION and model.generation < _BEDROCK_NEWEST:
        raise invalid(f"anthropic_version: {version} is not supported by {model.id}")
