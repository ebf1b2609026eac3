"""The client that records: it answers as a provider whose cache forgets nothing by itself."""

from __future__ import annotations

from typing import Any

import pytest

import prefixwarm.testing
from prefixwarm import Prefix, Warmer
from prefixwarm.testing import RecordingTransport, TransportRequest

SYSTEM = "You are a helper. " * 400


def warmed(transport: RecordingTransport, **changes: Any) -> Any:
    """What a forced warm call gives."""
    options = {"model": "claude-sonnet-5-5", "system": SYSTEM, **changes}
    return Warmer(transport, Prefix("support", **options)).warm("support", force=True)


@pytest.mark.parametrize("route", ["anthropic", "bedrock", "bedrock-converse"])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_a_write_then_reads(route: str, ttl: str) -> None:
    """In the usage of each route, with the TTL that was asked for."""
    transport = RecordingTransport()
    written = warmed(transport, route=route, ttl=ttl)
    assert written.outcome == "written"
    assert written.granted_ttl == (3600 if ttl == "1h" else 300)
    assert warmed(transport, route=route, ttl=ttl).outcome == "refreshed"
    assert warmed(transport, route=route, ttl=ttl, system=SYSTEM + "!").outcome == "written"
    transport.forget()
    assert warmed(transport, route=route, ttl=ttl).outcome == "written"


def test_requests_are_kept() -> None:
    """With what a client would need to send them."""
    transport = RecordingTransport()
    warmed(transport)
    (request,) = transport.requests
    assert isinstance(request, TransportRequest)
    assert (request.prefix, request.route, request.model) == (
        *("support", "anthropic", "claude-sonnet-5-5"),
    )
    assert request.body["system"][0]["text"] == SYSTEM
    assert 0 < request.timeout <= 60


def test_other_names_are_not_there() -> None:
    """With the message of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Recorder'"):
        _ = prefixwarm.testing.Recorder
