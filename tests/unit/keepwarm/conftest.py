"""A warm call, a state and a case small enough to see through."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.keepwarm.candidate import Candidate
from prefixwarm.policy import Policy
from prefixwarm.prefix.compiled import WarmCall
from prefixwarm.prefix.manifest import Entry
from prefixwarm.state.warm_state import State

PRICES: dict[str, float | None] = {"input": 2.0, "read": 0.2, "write_5m": 2.5, "write_1h": 4.0}
NOW = 1_800_000_000.0


def warm_call(name: str = "support", **changes: Any) -> WarmCall:
    """A warm call of 10,000 tokens: $0.002 a read, $0.04 a write."""
    values: dict[str, Any] = {
        "name": name,
        "route": "anthropic",
        "model": "claude-sonnet-5-5",
        "ttl": 3600,
        "headers": {},
        "fingerprint": "sha256:" + "0" * 64,
        "usd_per_mtok": PRICES,
        "tokens": 10_000,
        "max_tokens_at": 14,
        "ttl_at": [],
        "body": b'{"max_tokens":0}',
    }
    return WarmCall(**{**values, **changes})


def make_case(name: str = "support", route: str = "anthropic", **state: Any) -> Candidate:
    """A prefix that was warmed an hour ago, less two minutes."""
    touched = NOW - 58 * 60
    values = {"last_touch": touched, "warm_until": touched + 3600, "granted_ttl": 3600, **state}
    return Candidate(
        state=State.of(f"state/{route}/{name}", name=name, **values),
        entry=Entry(name, f"{name}.json"),
        call=warm_call(name, route=route),
        policy=Policy.of("ski"),
        latency_value=0.0,
    )


@pytest.fixture
def candidate() -> Candidate:
    """One that is due."""
    return make_case()
