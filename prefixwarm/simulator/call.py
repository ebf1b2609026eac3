"""From a received request to a validated call: body, version, betas, model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.simulator import keys, model_rules, models, runtime, validation
from prefixwarm.simulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from prefixwarm.simulator.auth import Caller
    from prefixwarm.simulator.settings import Settings, Switches
    from prefixwarm.simulator.wire import Request


Json = dict[str, Any]

VERSIONS = ("2023-06-01", validation.NEWEST_VERSION)


class Call(NamedTuple):
    """A request that passed validation."""

    body: Json
    context: keys.Context
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
    if route in runtime.ROUTES:
        body, version, betas = runtime.read(request.path, value)
    else:
        body, version, betas = _messages(request, value, route)
    body = validation.body(body, counting=counting)
    model = _model(body["model"], route, settings)
    if route in runtime.ROUTES:
        runtime.check_model(model, version, counting=counting)
    model_rules.check(body, model, route=route, version=version)
    validation.max_tokens(body, refuse_zero=switches.refuse_zero)
    return Call(body, keys.Context(route, caller.region, caller.principal, version, betas), model)


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
    return value, version, keys.betas(header.split(","))


def _model(model_id: str, route: str, settings: Settings) -> models.Model:
    model = models.find(model_id, route, settings.minimums)
    if model is None:
        raise ApiError(404, f"model: {model_id}")
    return model
