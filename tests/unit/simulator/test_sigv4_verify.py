"""Signatures, against botocore's own signer."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.simulator.http_types import Request
from prefixwarm.simulator.sigv4_verify import SignatureError, parse, verify

SECRET = "wJalr/EXAMPLE+KEY"


def signed(path: str, query: str, body: bytes, **headers: str) -> Request:
    """A request as botocore signs it."""
    url = f"http://127.0.0.1:1{path}" + (f"?{query}" if query else "")
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Credentials("AKIA", SECRET, "token"), "bedrock", "eu-west-1").add_auth(request)
    lowered = {name.lower(): value for name, value in request.headers.items()}
    return Request("POST", path, query, {"host": "127.0.0.1:1", **lowered}, body)


def check(request: Request, secret: str = SECRET, service: str = "bedrock") -> None:
    """Verify a request's signature."""
    verify(request, parse(request.headers["authorization"]), secret, service)


@given(
    st.sampled_from(["/", "/model/us.anthropic.x-v1%3A0/invoke", "/model/a:b/invoke", "/a~b/c-d"]),
    st.sampled_from(["", "beta=true", "b=2&a=1", "a=%20x&a=", "flag"]),
    st.binary(max_size=40),
    st.text(st.characters(codec="ascii", min_codepoint=33), max_size=12),
)
def test_what_botocore_signs_is_accepted(path: str, query: str, body: bytes, extra: str) -> None:
    check(signed(path, query, body, **{"X-Extra": f"a  {extra}"}))


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"other"},
        {"path": "/model/other/invoke"},
        {"query": "a=2"},
        {"method": "GET"},
        {"headers": {"x-amz-security-token": "stolen"}},
        {"headers": {"x-amz-date": "20200101T000000Z"}},
        {"headers": {"x-amz-date": "soon"}},
        {"headers": {"x-amz-content-sha256": "0" * 64}},
        {"headers": {"host": "other"}},
    ],
)
def test_what_was_changed_on_the_way_is_refused(change: dict) -> None:
    request = signed("/model/x/invoke", "a=1", b"body")
    check(request)
    if "headers" in change:
        change = {"headers": {**request.headers, **change["headers"]}}
    with pytest.raises(SignatureError):
        check(request._replace(**change))


def test_another_secret_and_another_service_are_refused() -> None:
    request = signed("/model/x/invoke", "", b"body")
    with pytest.raises(SignatureError, match="does not match"):
        check(request, secret="other")
    with pytest.raises(SignatureError, match="correct service"):
        check(request, service="bedrock-mantle")


@pytest.mark.parametrize("header", ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c"])
def test_incomplete_headers_are_refused(header: str) -> None:
    with pytest.raises(SignatureError):
        parse(header)
