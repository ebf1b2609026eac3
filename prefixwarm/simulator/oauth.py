"""Simulates workload identity: exchanges an identity token for an access token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.simulator.api_errors import ApiError
from prefixwarm.simulator.http_types import Reply, Request, json_reply
from prefixwarm.simulator.settings import Principal

if TYPE_CHECKING:
    from prefixwarm.simulator.ids import Ids
    from prefixwarm.simulator.settings import Settings


PATH = "/v1/oauth/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS = 3600
_FIELDS = ("assertion", "federation_rule_id", "organization_id")
_JWT_PARTS = 3

Problem = tuple[int, str, str]


class Tokens:
    """The issued access tokens.

    Parameters
    ----------
    ids : Ids
        The source of new tokens.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._issued: dict[str, tuple[Principal, float]] = {}

    def clear(self) -> None:
        """Revoke every token."""
        self._issued.clear()

    def principal(self, token: str, now: float) -> Principal | None:
        """Return a token's principal, or None if it was not issued here.

        Raises
        ------
        ApiError
            401 for an expired token.
        """
        if token not in self._issued:
            return None
        principal, expires_at = self._issued[token]
        if now >= expires_at:
            raise ApiError(401, "OAuth token has expired")
        return principal

    def exchange(self, request: Request, settings: Settings, now: float) -> Reply:
        """Answer ``POST /v1/oauth/token`` (RFC 7523, as the anthropic SDK sends it)."""
        body = _parsed(request.body)
        problem = _problem(body) or _mismatch(body, settings)
        if problem is not None:
            status, error, description = problem
            return json_reply(status, {"error": error, "error_description": description})
        token = self._ids.make("sk-ant-oat01-", 48)
        self._issued[token] = (_principal(body, settings), now + _LIFETIME_SECONDS)
        reply = {"access_token": token, "token_type": "Bearer", "expires_in": _LIFETIME_SECONDS}
        return json_reply(200, reply)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _problem(body: dict[str, Any]) -> Problem | None:
    if body.get("grant_type") != _GRANT:
        return 400, "unsupported_grant_type", f"grant_type must be {_GRANT}"
    for field in _FIELDS:
        if not isinstance(body.get(field), str) or not body[field]:
            return 400, "invalid_request", f"{field} is required"
    if not isinstance(body.get("workspace_id", ""), str):
        return 400, "invalid_request", "workspace_id must be a string"
    return None


def _mismatch(body: dict[str, Any], settings: Settings) -> Problem | None:
    """Compare with the configured keys; without any, accept every assertion."""
    if not settings.keys:
        return None
    if len(body["assertion"].split(".")) != _JWT_PARTS:
        return 401, "invalid_grant", "assertion is not a JWT"
    if _principal(body, settings) not in settings.keys.values():
        return 401, "invalid_grant", "no federation rule for this organization and workspace"
    return None


def _principal(body: dict[str, Any], settings: Settings) -> Principal:
    workspace = body.get("workspace_id") or "default"
    if workspace == "default":
        workspace = Principal.workspace
    organization = body["organization_id"] if settings.keys else Principal.organization
    return Principal(organization, workspace)
