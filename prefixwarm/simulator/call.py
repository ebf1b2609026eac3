"""Parses and validates a received request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.fields.models import NEWEST_VERSION
from prefixwarm.simulator import (
    bedrock_runtime,
    cache_keys,
    model_catalog,
    model_rules,
    turn_rules,
    validation,
)
from prefixwarm.simulator.api_errors import ApiError, invalid

if TYPE_CHECKING:
    from prefixwarm.simulator.auth import Caller
    from prefixwarm.simulator.http_types import Request
    from prefixwarm.simulator.settings import Settings, Switches


Json = dict[str, Any]

VERSIONS = ("2023-06-01", NEWEST_VERSION)


class Call(NamedTuple):
    """A validated request."""

    body: Json
    context: cache_keys.Context
    model: model_catalog.Model
    batch: bool = False


def parse(
    request: Request,
    route: str,
    caller: Caller,
    settings: Settings,
    switches: Switches,
    *,
    counting: bool = False,
    batch: bool = False,
) -> Call:
    """Validate a request to create a message, or to count its tokens.

    Raises
    ------
    ApiError
        400, or 404 for a model that the route does not have.
    """
    value = loads(request.body)
    if route in bedrock_runtime.ROUTES:
        body, version, betas = bedrock_runtime.read(request.path, value)
    else:
        body, version, betas = _messages(request, value, route)
    _fill_in_most_tokens(body, route, settings)
    body = validation.body(body, counting=counting, inner_markers=switches.inner_markers)
    model = _model(body["model"], route, settings)
    if route in bedrock_runtime.ROUTES:
        bedrock_runtime.check_model(model, version, counting=counting)
    turn_rules.check(body, model)
    model_rules.check(body, model, route=route, version=version, betas=betas, batch=batch)
    validation.max_tokens(body, refuse_zero=switches.refuse_zero)
    context = cache_keys.Context(route, caller.region, caller.principal, version, betas)
    return Call(body, context, model, batch)


def _fill_in_most_tokens(body: Any, route: str, settings: Settings) -> None:
    """Give a Converse request without an output limit the model's limit."""
    if route == "bedrock-converse" and "max_tokens" not in body:
        model = model_catalog.find(body["model"], route, settings.minimums, settings.profiles)
        body["max_tokens"] = model.most_tokens if model else 1


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
    return value, version, cache_keys.betas(header.split(","))


def _model(model_id: str, route: str, settings: Settings) -> model_catalog.Model:
    model = model_catalog.find(model_id, route, settings.minimums, settings.profiles)
    if model is None:
        raise ApiError(404, f"model: {model_id}")
    return model
