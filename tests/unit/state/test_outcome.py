"""What a warm call did, read from its usage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.state.outcome import (
    FAILED,
    PARTIAL,
    REFRESHED,
    SKIPPED,
    UNCACHED,
    WRITTEN,
    Outcome,
    Usage,
    granted_ttl,
    kind_of,
)

PRICES: dict[str, float | None] = {
    "input": 2,
    "read": 0.1,
    "write_5m": 2.5,
    "write_1h": 4,
    "output": 10,
}


def split(five: object, hour: object) -> dict[str, object]:
    """The usage's writes by TTL."""
    return {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage()),
        (
            {
                "input_tokens": 8,
                "output_tokens": 0,
                "cache_creation_input_tokens": 5120,
                "cache_read_input_tokens": 30,
                "cache_creation": split(20, 5100),
                "service_tier": "standard",
            },
            Usage(input=8, read=30, write_5m=20, write_1h=5100),
        ),
        (
            {
                "input_tokens": 8,
                "cache_creation_input_tokens": None,
                "cache_read_input_tokens": None,
                "cache_creation": None,
            },
            Usage(input=8),
        ),
        ({"cache_creation_input_tokens": 100}, Usage(write_5m=100)),
        ({"cache_creation_input_tokens": 100, "cache_creation": {}}, Usage(write_5m=100)),
        ({"cache_creation": split(5, 6)}, Usage(write_5m=5, write_1h=6)),
        ({"cache_creation_input_tokens": 6, "cache_creation": split(None, 6)}, Usage(write_1h=6)),
        ({"input_tokens": "8", "output_tokens": True, "cache_read_input_tokens": -1}, Usage()),
    ],
)
def test_reads_usage(usage: dict[str, Any], expected: Usage) -> None:
    """Nulls, the older unsplit form, and fields of another kind."""
    assert Usage.from_response(usage) == expected


_ANY = st.none() | st.integers() | st.text() | st.booleans()


@given(
    st.dictionaries(
        st.sampled_from(["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]),
        _ANY,
    ),
    _ANY | st.builds(split, _ANY, _ANY),
)
def test_no_count_is_ever_negative(usage: dict[str, Any], writes: object) -> None:
    """Whatever a gateway answers."""
    read = Usage.from_response({**usage, "cache_creation": writes})
    assert min(read.input, read.output, read.read, read.write_5m, read.write_1h) >= 0
    assert read.written == read.write_5m + read.write_1h


@pytest.mark.parametrize(
    ("usage", "kind", "ttl"),
    [
        (Usage(write_1h=10), WRITTEN, 3600),
        (Usage(write_5m=10), WRITTEN, 300),
        (Usage(read=10), REFRESHED, 3600),
        (Usage(read=5, write_1h=5), PARTIAL, 3600),
        (Usage(read=5, write_5m=5), PARTIAL, 300),
        (Usage(input=10), UNCACHED, 3600),
    ],
)
def test_kinds_and_granted_ttls(usage: Usage, kind: str, ttl: int) -> None:
    """One hour was asked for; what was written says what was granted."""
    assert kind_of(usage) == kind
    assert granted_ttl(usage, 3600) == ttl


def test_costs() -> None:
    """Each category at its own price."""
    usage = Usage(input=1_000_000, output=100_000, read=2_000_000, write_5m=400_000, write_1h=500)
    assert usage.cost_usd(PRICES) == pytest.approx(2 + 1 + 0.2 + 1 + 0.002)
    assert Usage().cost_usd(PRICES) == 0.0


@pytest.mark.parametrize("prices", [None, {}, {**PRICES, "write_1h": None}])
def test_an_unknown_price_stays_unknown(prices: dict[str, float | None] | None) -> None:
    """Never 0 dollars for tokens that were billed."""
    assert Usage(read=1, write_1h=1).cost_usd(prices) is None


def test_a_price_that_is_not_needed_may_be_unknown() -> None:
    """A refresh costs the same whether or not the write's price is known."""
    assert Usage(read=10**6).cost_usd({"read": 0.1}) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kind", "warm_until", "ok"),
    [
        (WRITTEN, 1.0, True),
        (REFRESHED, 1.0, True),
        (PARTIAL, 1.0, True),
        (UNCACHED, None, False),
        (FAILED, None, False),
        (SKIPPED, 1.0, True),
        (SKIPPED, None, False),
    ],
)
def test_only_a_warm_prefix_is_a_success(kind: str, warm_until: float | None, ok: bool) -> None:
    """Uncached never is."""
    assert Outcome(name="x", kind=kind, warm_until=warm_until).ok is ok
