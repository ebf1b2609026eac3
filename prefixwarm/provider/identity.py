"""Gets the identity token that workload identity federation exchanges for an access token.

It comes from the anthropic SDK's variables, or else from AWS STS, which signs the caller's
identity (`GetWebIdentityToken`, API version 2011-06-15).
"""

from __future__ import annotations

from prefixwarm.errors import CredentialsError, TransportError
from prefixwarm.wire.aws import region_of
from prefixwarm.wire.url import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Response


AUDIENCE = "https://api.anthropic.com"
LIFETIME_SECONDS = 300
_TOKEN_FILE = "ANTHROPIC_IDENTITY_TOKEN_FILE"  # noqa: S105 - the name of a variable
_TOKEN = "ANTHROPIC_IDENTITY_TOKEN"  # noqa: S105
_LONGEST_CODE = 80


def identity_token(aws: AwsClient, environ: Mapping[str, str], deadline: Deadline) -> str:
    """Return a signed token that identifies this workload to the Claude API.

    Raises
    ------
    CredentialsError
        There is none; the message says what to switch on or allow.
    """
    if path := environ.get(_TOKEN_FILE):
        return _read(path)
    return environ.get(_TOKEN) or _asked_of_sts(aws, deadline)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeError) as error:
        raise CredentialsError(f"{_TOKEN_FILE}: {path} cannot be read") from error


def _asked_of_sts(aws: AwsClient, deadline: Deadline) -> str:
    """A token signed by AWS; only regional endpoints issue it."""
    body = (
        "Action=GetWebIdentityToken&Version=2011-06-15"
        f"&Audience.member.1={quote(AUDIENCE)}&DurationSeconds={LIFETIME_SECONDS}"
        "&SigningAlgorithm=RS256"
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    try:
        response = aws.post("sts", headers, body.encode(), deadline)
    except TransportError as error:
        where = region_of(aws.environ)
        raise CredentialsError(f"STS in {where} cannot be reached: {error}") from error
    token = _element(response.body, "WebIdentityToken")
    if response.status != 200 or not token:
        raise _sts_error(response)
    return token


def _sts_error(response: Response) -> CredentialsError:
    code = _element(response.body, "Code")[:_LONGEST_CODE]
    if code.startswith("OutboundWebIdentityFederationDisabled"):
        return CredentialsError(
            "outbound web identity federation is off in this AWS account; switch it on: "
            "aws iam enable-outbound-web-identity-federation"
        )
    hint = "; allow this role sts:GetWebIdentityToken" if code == "AccessDenied" else ""
    reason = f"HTTP {response.status} {code}".rstrip()
    return CredentialsError(f"STS gave no identity token: {reason}{hint}")


def _element(body: bytes, name: str) -> str:
    """The text of the first XML element of that name, without markup; empty if there is none."""
    text = body.decode("utf-8", "replace")
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0].strip()
