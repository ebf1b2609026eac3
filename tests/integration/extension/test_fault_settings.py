"""The fault matrix: settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from extension_bench import Bench, Started

    Harmless = Callable[..., Started]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFIXWARM_INIT", "sometimes"),
        ("PREFIXWARM_INIT_HOLD_MS", "3s"),
        ("PREFIXWARM_INIT_HOLD_MS", "99999"),
        ("PREFIXWARM_INIT_HINT_MS", "-1"),
        ("PREFIXWARM_DISABLED", "perhaps"),
        ("PREFIXWARM_LATENCY_VALUE", "much"),
        ("PREFIXWARM_CACHE_SCOPE", "a/b"),
        ("ANTHROPIC_BASE_URL", "ftp://nowhere"),
        ("ANTHROPIC_BASE_URL", "http://[bad"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "nonsense"),
    ],
)
def test_a_setting_is_not_understood(
    bench: Bench, harmless: Harmless, name: str, value: str
) -> None:
    """One line, and nothing is sent."""
    started = harmless(bench.plain(**{name: value}))
    assert started.line["outcome"] == "failed"
    assert bench.warm_calls() == []


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_REGION"])
def test_a_setting_is_missing(bench: Bench, harmless: Harmless, name: str) -> None:
    """No key, no credentials, no region."""
    function = bench.plain()
    env = {key: value for key, value in function.env.items() if key != name}
    env |= {"AWS_DEFAULT_REGION": ""} if name == "AWS_REGION" else {}
    blank = {} if name == "ANTHROPIC_API_KEY" else {name: ""}
    started = harmless(replace(function, env={**env, **blank}))
    assert started.line["outcome"] == "failed"
    assert bench.warm_calls() == []
