"""Signatures: AWS's published vectors, and whatever botocore signs."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime, timezone
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.provider.routes import ROUTES
from prefixwarm.wire.http import Request
from prefixwarm.wire.sigv4 import AwsCredentials, sign

KEYS = AwsCredentials(
    access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)
NOW = timegm((2015, 8, 30, 12, 36, 0))
URL = "https://example.amazonaws.com"
FORM = "application/x-www-form-urlencoded"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7"
    "WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm"
    "8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

# Those of the AWS Signature Version 4 test suite whose shape a request of ours can have.
VECTORS = {
    "get-vanilla": (
        Request(method="GET", url=f"{URL}/"),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        Request(method="GET", url=f"{URL}/?Param2=value2&Param1=value1"),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-unreserved": (
        Request(
            method="GET",
            url=f"{URL}/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        ),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": (
        Request(method="GET", url=f"{URL}/ሴ"),
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-space": (
        Request(method="GET", url=f"{URL}/example space/"),
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "get-header-value-trim": (
        Request(
            method="GET",
            url=f"{URL}/",
            headers={"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
        ),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": (
        Request(method="POST", url=f"{URL}/"),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-vanilla-query": (
        Request(method="POST", url=f"{URL}/?Param1=value1"),
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    "post-header-key-sort": (
        Request(method="POST", url=f"{URL}/", headers={"My-Header1": "value1"}),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": (
        Request(method="POST", url=f"{URL}/", headers={"My-Header1": "VALUE1"}),
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-x-www-form-urlencoded": (
        Request(
            method="POST", url=f"{URL}/", headers={"Content-Type": FORM}, body=b"Param1=value1"
        ),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-x-www-form-urlencoded-parameters": (
        Request(
            method="POST",
            url=f"{URL}/",
            headers={"Content-Type": f"{FORM}; charset=utf8"},
            body=b"Param1=value1",
        ),
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
}


def signature_of(request: Request) -> str:
    """The signature in its header."""
    match = re.search(r"Signature=([0-9a-f]{64})$", request.headers["Authorization"])
    assert match
    return match[1]


@pytest.mark.parametrize("name", VECTORS)
def test_signs_as_aws_publishes(name: str) -> None:
    """Credential scope, signed headers and signature of the vector."""
    request, signature = VECTORS[name]
    signed = sign(request, KEYS, region="us-east-1", service="service", now=NOW)
    names = sorted([*map(str.lower, request.headers), "host", "x-amz-date"])
    assert signed.headers["X-Amz-Date"] == "20150830T123600Z"
    assert signed.headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    assert signed.replace(headers=request.headers) == request


def test_signs_the_session_token() -> None:
    """AWS's vector post-sts-header-before: the token is a header, and signed."""
    credentials = KEYS.replace(token=TOKEN)
    request = Request(method="POST", url=f"{URL}/")
    signed = sign(request, credentials, region="us-east-1", service="service", now=NOW)
    assert signed.headers["X-Amz-Security-Token"] == TOKEN
    expected = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    assert signature_of(signed) == expected


def test_signs_an_object_of_s3() -> None:
    """The example of S3's own documentation, whose path is encoded once."""
    keys = AwsCredentials(
        access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = {"Range": "bytes=0-9", "x-amz-content-sha256": empty}
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    request = Request(method="GET", url=url, headers=headers)
    then = timegm((2013, 5, 24, 0, 0, 0))
    signed = sign(request, keys, region="us-east-1", service="s3", now=then)
    expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert signature_of(signed) == expected


_WORD = st.text("abcXYZ019._~-", min_size=1, max_size=8)
_MODEL = st.text("abc019.-:/ é+", min_size=1, max_size=20).filter(lambda m: m.strip("."))
_HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "anthropic-version", "X-Custom"]),
    st.text('ab C9;,="  ', max_size=12),
)
_PLACES = st.sampled_from(
    [
        ("dynamodb", "https://dynamodb.eu-west-1.amazonaws.com/"),
        ("secretsmanager", "https://secretsmanager.eu-west-1.amazonaws.com/"),
        ("ssm", "http://127.0.0.1:4566/"),
        ("aws-external-anthropic", "https://aws-external-anthropic.eu-west-1.api.aws/v1/messages"),
        ("bedrock-mantle", "https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1/messages"),
    ]
) | _MODEL.map(lambda model: ("bedrock", ROUTES["bedrock"].url(model, {"AWS_REGION": "eu-west-1"})))
# A base URL with a path of its own, as a gateway's.
_PLACES |= st.lists(st.sampled_from(["", ".", "..", "a", "b", ".c", "v1"]), max_size=6).map(
    lambda segments: ("bedrock", f"https://gateway.example/{'/'.join(segments)}")
)
_QUERY = st.lists(st.tuples(_WORD, _WORD), max_size=4).map(
    lambda pairs: "?" + "&".join("=".join(pair) for pair in pairs) if pairs else ""
)


@given(
    place=_PLACES,
    query=_QUERY,
    headers=_HEADERS,
    body=st.binary(max_size=64),
    now=st.integers(1_400_000_000, 4_000_000_000),
    token=st.none() | _WORD,
)
def test_signs_as_botocore_does(
    place: tuple[str, str],
    query: str,
    headers: dict[str, str],
    body: bytes,
    now: int,
    token: str | None,
) -> None:
    """Every service of ours, model ids of Bedrock with their encoded characters included."""
    service, url = place
    reference = AWSRequest("POST", url + query, headers=headers, data=body)
    when = datetime.fromtimestamp(now, timezone.utc).replace(tzinfo=None)
    with patch("botocore.auth.get_current_datetime", return_value=when):
        credentials = Credentials(KEYS.access_key, KEYS.secret_key, token)
        SigV4Auth(credentials, service, "eu-west-1").add_auth(reference)
    request = Request(method="POST", url=url + query, headers=headers, body=body)
    ours = sign(request, KEYS.replace(token=token), region="eu-west-1", service=service, now=now)
    for name in ("Authorization", "X-Amz-Date"):
        assert ours.headers[name] == reference.headers[name]
    assert ours.headers.get("X-Amz-Security-Token") == token


def test_keeps_the_secret_to_itself() -> None:
    """What is printed of credentials is not secret."""
    shown = repr(KEYS.replace(token=TOKEN))
    assert shown == "AwsCredentials(access_key='AKIDEXAMPLE')"
