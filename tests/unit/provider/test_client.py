"""Replies that no Messages API gives."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import ProtocolError, ProviderError
from prefixwarm.prefix.compiled import WarmCall
from prefixwarm.provider.client import Provider, retry_after
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from prefixwarm.wire.deadline import Deadline
    from tests.unit.loopback import Peer, Serve

CALL = WarmCall(
    name="support",
    route="anthropic",
    model="claude-sonnet-5-5",
    ttl=3600,
    headers={},
    fingerprint="sha256:0",
    usd_per_mtok={},
    tokens=None,
    max_tokens_at=14,
    ttl_at=[],
    body=b'{"max_tokens":0}',
)


def provider(serve: Serve, body: bytes, status: int, **headers: str) -> Provider:
    """A provider that answers this."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply(body, status, Connection="close", **headers)

    environ = {"ANTHROPIC_BASE_URL": serve(answer).url, "ANTHROPIC_API_KEY": "sk"}
    transport = HttpTransport({})
    keys = AwsCredentials(access_key="a", secret_key="b")
    aws = AwsClient(transport=transport, credentials=lambda _until: keys, environ=environ)
    return Provider(transport, aws, None, environ)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>It works!</html>", "HTTP 200 without a JSON object"),
        (b"\xff", "HTTP 200 without a JSON object"),
        (b"[" * 50_000, "HTTP 200 without a JSON object"),
        (b"[]", "without a JSON object"),
        (b"{}", "has no usage: is the base URL a Messages API?"),
        (b'{"usage": 5}', "has no usage"),
    ],
)
def test_success_without_usage(serve: Serve, soon: Deadline, body: bytes, problem: str) -> None:
    """A 200 that says nothing about the cache is no success."""
    with pytest.raises(ProtocolError, match=problem):
        provider(serve, body, 200).send(CALL, 0, soon)


def test_an_empty_usage(serve: Serve, soon: Deadline) -> None:
    """An object is enough; what is missing in it counts as none."""
    reply = provider(serve, b'{"usage": {}, "id": null}', 200).send(CALL, 0, soon)
    assert reply.usage == {}
    assert reply.first_byte_after > 0


@pytest.mark.parametrize(
    ("body", "error_type", "error_code"),
    [
        (b"", "", ""),
        (b"<html>", "", ""),
        (b'{"error": "x"}', "", ""),
        (b'{"error": {"type": "t", "details": "x"}}', "t", ""),
        (b'{"error": {"type": "t", "details": {"error_code": "c"}}}', "t", "c"),
        (json.dumps({"error": {"type": "t" * 9999}}).encode(), "t" * 80, ""),
        (b'{"error": {"type": {"secret": 1}, "details": {"error_code": [1]}}}', "", ""),
        (
            b'{"error": {"type": "\\u001b[2J", "details": {"error_code": "\\u202e"}}}',
            r"\x1b[2J",
            r"\u202e",
        ),
    ],
)
def test_errors_of_any_shape(
    serve: Serve, soon: Deadline, body: bytes, error_type: str, error_code: str
) -> None:
    """The status always, and the words where there are some, not too many."""
    with pytest.raises(ProviderError) as caught:
        provider(serve, body, 418).send(CALL, 0, soon)
    assert caught.value.status == 418
    assert (caught.value.error_type, caught.value.error_code) == (error_type, error_code)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0.5", 0.5), (".", None), ("²", None), ("-1", None), ("1e9", None), ("", None)],
)
def test_retry_after(serve: Serve, soon: Deadline, text: str, seconds: float | None) -> None:
    """A number of seconds, or nothing."""
    with pytest.raises(ProviderError) as caught:
        provider(serve, b"{}", 429, retry_after=text).send(CALL, 0, soon)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("9" * 400, 86400.0),
        ("1" + "0" * 20, 86400.0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 10.0),
        ("\x00", None),
        ("Fri, 00 Xyz", None),
    ],
)
def test_how_long_to_wait_is_bounded(text: str, seconds: float | None) -> None:
    """From now to a day, whatever the header says."""
    assert retry_after({"retry-after": text}, 0.0 if seconds == 10.0 else time.time()) == seconds


@given(st.text())
def test_no_header_raises(text: str) -> None:
    """Any text is a number of seconds, or nothing."""
    seconds = retry_after({"retry-after": text}, 0.0)
    assert seconds is None or 0 <= seconds <= 86400
