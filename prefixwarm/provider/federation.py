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
from prefixwarm.wire.record import Record
from prefixwarm.wire.url import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from typing_extensions import Self

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
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_RENEW_BEFORE_SECONDS = 120.0
_LONGEST_SECONDS = 1e9
_LONGEST_CODE = 80


class Federation(Record):
    """The ids that identify this workload to the Claude API.

    A missing service account or workspace defaults to the federation rule's.
    """

    rule: str
    organization: str
    service_account: str | None = None
    workspace: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the SDK's variables, if they name a rule.

        Raises
        ------
        CredentialsError
            The organization is missing.
        """
        organization = environ.get(ORGANIZATION_ID)
        if not organization:
            raise CredentialsError(f"{FEDERATION_RULE_ID} is set without {ORGANIZATION_ID}")
        return cls(
            rule=environ[FEDERATION_RULE_ID],
            organization=organization,
            service_account=environ.get(SERVICE_ACCOUNT_ID) or None,
            workspace=environ.get(WORKSPACE_ID) or None,
        )

    def exchange(self, assertion: str) -> dict[str, str]:
        """The request fields that exchange an identity token for an access token."""
        fields = {
            "grant_type": _GRANT,
            "assertion": assertion,
            "federation_rule_id": self.rule,
            "organization_id": self.organization,
            "service_account_id": self.service_account,
            "workspace_id": self.workspace,
        }
        return {name: value for name, value in fields.items() if value is not None}


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
        federation = Federation.from_environment(self._environ)
        url = _exchange_url(self._base_url)
        asked_at = time()
        assertion = identity_token(self._aws, self._environ, deadline)
        request = Request(
            method="POST",
            url=url,
            headers={"Content-Type": "application/json", "anthropic-beta": _EXCHANGE_BETAS},
            body=dumps(federation.exchange(assertion)),
        )
        try:
            response = self._transport.send(request, deadline)
        except TransportError as error:
            raise CredentialsError(f"no access token from {split(url).host}: {error}") from error
        token, lifetime = _granted(response, federation.rule, split(url).host)
        self._held = Bearer(key=token, beta=_BETA)
        self._renew_at = asked_at + lifetime - min(_RENEW_BEFORE_SECONDS, lifetime / 2)


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
