"""A warm call whose numbers are easy to reckon with."""

from __future__ import annotations

import pytest

from prefixwarm.prefix.compiled import WarmCall


@pytest.fixture
def call() -> WarmCall:
    """Ten thousand tokens of a prefix with round prices."""
    body = b'{"max_tokens":0,"model":"claude","ttl":"1h"}'
    return WarmCall(
        name="support",
        route="anthropic",
        model="claude",
        ttl=3600,
        headers={},
        fingerprint="sha256:" + "0" * 64,
        usd_per_mtok={"input": 1.0, "read": 0.1, "write_5m": 1.25, "write_1h": 2.0, "output": 5.0},
        tokens=10_000,
        max_tokens_at=body.index(b"0"),
        ttl_at=[body.index(b"1h")],
        body=body,
    )
