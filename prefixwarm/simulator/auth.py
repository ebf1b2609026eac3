"""Authenticates requests and determines their route."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prefixwarm.simulator import bedrock_runtime, sigv4_verify
from prefixwarm.simulator.api_errors import ApiError, invalid
from prefixwarm.simulator.settings import Principal

if TYPE_CHECKING:
    from prefixwarm.simulator.http_types import Request
    from prefixwarm.simulator.oauth import Tokens
    from prefixwarm.simulator.settings import Settings


CREDENTIAL_HEADERS = frozenset(
    ("authorization", "x-api-key", "x-amz-security-token", "proxy-authorization", "cookie")
)
SERVICES = {
    "aws": "aws-external-anthropic",
    "bedrock-mantle": "bedrock-mantle",
    "bedrock": "bedrock",
    "bedrock-converse": "bedrock",
}
_WORKSPACE = "anthropic-workspace-id"


class Caller(NamedTuple):
    """A request's principal and AWS region (empty outside AWS)."""

    principal: Principal
    region: str


def route_of(request: Request) -> str:
    """Return the route of a request, such as ``anthropic`` or ``bedrock-converse``."""
    if request.path.startswith("/model/"):
        return bedrock_runtime.route_of(request.path)
    if request.path.startswith("/anthropic/"):
        return "bedrock-mantle"
    signed = request.headers.get("authorization", "").startswith(sigv4_verify.ALGORITHM)
    if signed or (_WORKSPACE in request.headers and "oat" not in _key(request)[:11]):
        return "aws"
    return "anthropic"


def authenticate(
    request: Request, route: str, settings: Settings, tokens: Tokens, now: float
) -> Caller:
    """Return the caller of a request.

    Raises
    ------
    ApiError
        401 (403 on Bedrock's InvokeModel) for missing, unknown or wrong credentials; 400 if a
        request to Claude Platform on AWS names no workspace.
    """
    authorization = request.headers.get("authorization", "")
    if authorization.startswith(sigv4_verify.ALGORITHM) and route != "anthropic":
        organization, region = _signed(request, route, settings)
        principal = Principal(organization)
    else:
        principal = _bearer(request, route, settings, tokens, now)
        region = settings.region if route != "anthropic" else ""
    if route == "aws":
        principal = _in_workspace(request, principal, settings)
    return Caller(principal, region)


def _signed(request: Request, route: str, settings: Settings) -> tuple[str, str]:
    try:
        auth = sigv4_verify.parse(request.headers["authorization"])
        if not settings.aws_keys:
            return Principal.organization, auth.region
        if auth.key not in settings.aws_keys:
            raise sigv4_verify.SignatureError(
                "The security token included in the request is invalid."
            )
        pair = settings.aws_keys[auth.key]
        sigv4_verify.verify(request, auth, pair.secret, SERVICES[route])
    except sigv4_verify.SignatureError as error:
        raise refused(route, str(error)) from error
    return pair.organization, auth.region


def _bearer(
    request: Request, route: str, settings: Settings, tokens: Tokens, now: float
) -> Principal:
    key = _key(request)
    if not key:
        raise refused(route, "x-api-key header is required")
    if route == "anthropic" and (principal := tokens.principal(key, now)):
        return principal
    if settings.keys and key not in settings.keys:
        raise refused(route, "invalid x-api-key")
    return settings.keys.get(key, Principal())


def _key(request: Request) -> str:
    if key := request.headers.get("x-api-key", "").strip():
        return key
    scheme, _, key = request.headers.get("authorization", "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _in_workspace(request: Request, principal: Principal, settings: Settings) -> Principal:
    workspace = request.headers.get(_WORKSPACE, "").strip()
    if not workspace:
        raise invalid(f"{_WORKSPACE}: header is required")
    own = settings.keys.get(_key(request))
    if own is not None and own.workspace != workspace:
        raise ApiError(403, f"This key may not use the workspace {workspace}")
    return Principal(principal.organization, workspace)


def refused(route: str, message: str) -> ApiError:
    """Build the refusal of credentials: Bedrock's runtime answers 403, the others 401."""
    if route in bedrock_runtime.ROUTES:
        return ApiError(403, message, error_type="UnrecognizedClientException")
    return ApiError(401, message)
