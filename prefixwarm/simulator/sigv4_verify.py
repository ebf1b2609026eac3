"""Verifies AWS Signature Version 4."""

from __future__ import annotations

import calendar
import hmac
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from prefixwarm.simulator.http_types import Request


ALGORITHM = "AWS4-HMAC-SHA256"
_FORMAT = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request,\s*SignedHeaders=(?P<signed>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SKEW_SECONDS = 300


class SignatureError(Exception):
    """A signature is invalid."""


class Authorization(NamedTuple):
    """The parts of an ``Authorization`` header."""

    key: str
    date: str
    region: str
    service: str
    signed: str
    signature: str


def parse(header: str) -> Authorization:
    """Take an ``Authorization`` header apart.

    Raises
    ------
    SignatureError
        It does not have the form that AWS documents.
    """
    match = _FORMAT.fullmatch(header.strip())
    if match is None:
        raise SignatureError("Authorization header is not a complete AWS4-HMAC-SHA256 signature")
    return Authorization(*match.group("key", "date", "region", "service", "signed", "signature"))


def verify(request: Request, auth: Authorization, secret: str, service: str) -> None:
    """Check that a request was signed with `secret` for `service`.

    Notes
    -----
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

    Raises
    ------
    SignatureError
        It was not, or it was signed more than five minutes ago.
    """
    if auth.service != service:
        raise SignatureError(f"Credential should be scoped to correct service: '{service}'.")
    moment = request.headers.get("x-amz-date", "")
    _check_moment(moment, auth.date)
    if "host" not in auth.signed.split(";"):
        raise SignatureError("'Host' must be a signed header.")
    scope = f"{auth.date}/{auth.region}/{auth.service}/aws4_request"
    canonical = _canonical(request, auth.signed)
    digest = sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{digest}"
    expected = hmac.new(_key(secret, auth), to_sign.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected, auth.signature):
        raise SignatureError(
            "The request signature we calculated does not match the signature you provided."
        )


def _check_moment(moment: str, date: str) -> None:
    try:
        signed_at = calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    except ValueError as error:
        raise SignatureError("X-Amz-Date must be a date in ISO 8601 basic format") from error
    if not moment.startswith(date):
        raise SignatureError("Date in Credential scope does not match X-Amz-Date")
    # Clients sign with the machine's time, not the simulated clock.
    if abs(time.time() - signed_at) > _SKEW_SECONDS:
        raise SignatureError(f"Signature expired: {moment} is too far from the current time")


def _canonical(request: Request, signed: str) -> str:
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed.split(";")
    )
    payload = sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", payload) not in (payload, "UNSIGNED-PAYLOAD"):
        raise SignatureError("The provided 'x-amz-content-sha256' does not match what was computed")
    return "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),
            _query(request.query),
            headers,
            signed,
            request.headers.get("x-amz-content-sha256", payload),
        )
    )


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = [(_encode(name), _encode(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encode(value: str) -> str:
    return quote(unquote(value), safe="-_.~")


def _key(secret: str, auth: Authorization) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (auth.date, auth.region, auth.service, "aws4_request"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key
