"""Verifies a request's signature as AWS does, with AWS's own library."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/ ]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request, *SignedHeaders=(?P<names>[a-z0-9;-]+), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def refusal(
    service: str, url: str, headers: Mapping[str, str], body: bytes, secret_key: str
) -> str:
    """Why AWS would refuse this request's signature; empty if it would accept it.

    The host and all ``x-amz-`` headers must be signed; see
    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    sent = {name.lower(): text for name, text in headers.items()}
    match = _AUTHORIZATION.fullmatch(sent.get("authorization", ""))
    if match is None:
        return "Missing Authentication Token"
    names = match["names"].split(";")
    needed = {"host", *(name for name in sent if name.startswith("x-amz-"))}
    if missing := needed - set(names):
        return f"headers that must be signed: {', '.join(sorted(missing))}"
    if match["service"] != service or not sent.get("x-amz-date", "").startswith(match["day"]):
        return "Credential should be scoped to the correct service and date"
    address = urlsplit(url)._replace(netloc=sent["host"]).geturl()
    own = {name: sent.get(name, "") for name in names if name != "host"}
    request = AWSRequest("POST", address, data=body, headers=own)
    request.context["timestamp"] = sent["x-amz-date"]
    signer = SigV4Auth(Credentials(match["key"], secret_key), service, match["region"])
    text = signer.string_to_sign(request, signer.canonical_request(request))
    matches = signer.signature(text, request) == match["signature"]
    return "" if matches else "The request signature we calculated does not match"
