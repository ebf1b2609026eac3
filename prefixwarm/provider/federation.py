"""Workload identity federation: calls the Claude API without a stored key.

AWS STS signs the caller's identity (`GetWebIdentityToken`), and the Claude API exchanges it for
an access token (RFC 7523), as in the anthropic SDK 2.11 (`anthropic.lib.credentials`).
"""

from __future__ import annotations

from _thread import allocate_lock
from time import time

from prefixwarm.errors import CredentialsError, DeadlineError, ProtocolError, TransportError
from prefixwarm.provider.identity import AUDIENCE, identity_token
from prefixwarm.provider.keys import FEDERATION_RULE_ID, Bearer
from prefixwarm.wire.accelerated import dumps
from prefixwarm.wire.http import Request
from prefixwarm.wire.url import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Response, Transport


# The SDK's own names; they hold ids, not secrets.
ORGANIZATION_ID = "ANTHROPIC_ORGANIZATION_ID"
SERVICE_ACCOUNT_ID = "ANTHROPIC_SERVICE_ACCOUNT_ID"
WORKSPACE_ID = "ANTHROPIC_WORKSPACE_ID"

# Requests with an access token send the first; the exchange sends both.
_BETA = "oauth-2025-04-20"
_EXCHANGE_BETAS = f"{_BETA},oidc-federation-2026-04-01"
# Request fields by the variable that sets them.
_FIELDS = {
    "federation_rule_id": FEDERATION_RULE_ID,
    "organization_id": ORGANIZATION_ID,
    "service_account_id": SERVICE_ACCOUNT_ID,
    "workspace_id": WORKSPACE_ID,
}
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_RENEW_BEFORE_SECONDS = 120.0
_LONGEST_SECONDS = 1e9
_LONGEST_CODE = 80


class AccessTokens:
    """Holds the current access token and renews it before it expires; thread-safe.

    Parameters
    ----------
    base_url
        The Claude API, which also exchanges the tokens.
    environ
        Holds the federation's ids under the SDK's names.
    """

    def __init__(
        self, base_url: str, transport: Transport, aws: AwsClient, environ: Mapping[str, str]
    ) -> None:
        self._base_url = base_url
        self._transport = transport
        self._aws = aws
        self._environ = environ
        self._lock = allocate_lock()
        self._held = Bearer(key="", beta=_BETA)
        self._renew_at = 0.0

    def current(self, deadline: Deadline) -> Bearer:
        """Return a token that remains valid for a while.

        Raises
        ------
        CredentialsError
            There is no identity token, or the Claude API refuses to exchange it.
        DeadlineError
            Another thread was still renewing when the time was over.
        """
        if not self._lock.acquire(timeout=max(0.0, deadline.remaining())):
            raise DeadlineError("no access token in time")
        try:
            if time() >= self._renew_at:
                self._renew(deadline)
            return self._held
        finally:
            self._lock.release()

    def forget(self, refused: Bearer) -> None:
        """Never return this token again."""
        if refused is self._held:
            self._renew_at = 0.0

    def _renew(self, deadline: Deadline) -> None:
        ids = _ids(self._environ)
        url = _exchange_url(self._base_url)
        asked_at = time()
        assertion = identity_token(self._aws, self._environ, deadline)
        request = Request(
            method="POST",
            url=url,
            headers={"Content-Type": "application/json", "anthropic-beta": _EXCHANGE_BETAS},
            body=dumps({"grant_type": _GRANT, "assertion": assertion, **ids}),
        )
        try:
            response = self._transport.send(request, deadline)
        except TransportError as error:
            raise CredentialsError(f"no access token from {split(url).host}: {error}") from error
        token, lifetime = _granted(response, ids["federation_rule_id"], split(url).host)
        self._held = Bearer(key=token, beta=_BETA)
        self._renew_at = asked_at + lifetime - min(_RENEW_BEFORE_SECONDS, lifetime / 2)


def _ids(environ: Mapping[str, str]) -> dict[str, str]:
    """The ids that identify this workload, by request field.

    A missing service account or workspace defaults to the federation rule's.
    """
    if not environ.get(ORGANIZATION_ID):
        raise CredentialsError(f"{FEDERATION_RULE_ID} is set without {ORGANIZATION_ID}")
    return {field: environ[name] for field, name in _FIELDS.items() if environ.get(name)}


def _exchange_url(base_url: str) -> str:
    url = split(base_url)
    local = url.host in ("localhost", "::1") or url.host.startswith("127.")
    if url.scheme != "https" and not local:
        raise CredentialsError(f"{url.host}: identity tokens are sent over https only")
    return base_url.rstrip("/") + "/v1/oauth/token"


def _granted(response: Response, rule: str, host: str) -> tuple[str, float]:
    """The access token and its lifetime in seconds."""
    try:
        reply = response.json_object(host)
    except ProtocolError:
        reply = {}
    if response.status != 200:
        reason = _reason(response.status, reply, rule)
        raise CredentialsError(f"no access token from {host}: {reason}")
    token, seconds = reply.get("access_token"), reply.get("expires_in")
    number = seconds if isinstance(seconds, (int, float)) else 0
    if isinstance(token, str) and token and 0 < number < _LONGEST_SECONDS:
        return token, float(number)
    raise CredentialsError(f"no access token from {host}: it sent no access_token, expires_in")


def _reason(status: int, reply: dict[str, Any], rule: str) -> str:
    error = reply.get("error")
    code = error.get("type") if isinstance(error, dict) else error
    named = f"HTTP {status} {code}"[:_LONGEST_CODE] if isinstance(code, str) else f"HTTP {status}"
    if status not in (400, 401, 403):
        return named
    return (
        f"{named}; federation rule {rule} must match this role, the audience {AUDIENCE} and the "
        "workspace; the Claude Console shows why under Workload identity"
    )
