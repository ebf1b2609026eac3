"""Prices of any provider's model, the user's own first, and what a reply cost."""

from __future__ import annotations

from decimal import Decimal
from importlib import metadata
from typing import Any

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.prices import cost, genai, lookup, price, price_table
from prefixwarm.state.outcome import Usage

OWN = {"input": 3, "output": "15", "read": 0.3}


# Python 3.10 has this release of the price package, which lists less.
older_list = pytest.mark.skipif(
    metadata.version("genai-prices").startswith("0.1."), reason="an older list of prices"
)


def test_claude_is_what_lookup_says() -> None:
    options: dict[str, Any] = {"route": "bedrock", "prompt_tokens": 150_000}
    assert price("claude-haiku-5-5", **options) == lookup("claude-haiku-5-5", **options)


@older_list
def test_both_sources_of_other_models_agree() -> None:
    """Where the price package knows a model: but for the longer life, which it does not list."""
    compared = 0
    for model in price_table.other_table()["models"]:
        for tokens in (0, 272_000, 272_001):
            theirs = genai.other_rates(model, tokens)
            ours = price_table.rates(price_table.other_table(), model, tokens)
            assert theirs is not None
            assert ours is not None
            assert theirs == ours._replace(write_12h=None)
            compared += 1
    assert compared == 15


@pytest.mark.parametrize("installed", [True, False])
def test_a_model_of_openai(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes by the life that is sold; those of Claude are not."""
    if not installed:
        monkeypatch.setattr(genai, "release", lambda: None)
    prices = price("gpt-6-sol-2026-09-17", prompt_tokens=300_000)
    assert prices is not None
    assert (prices.input, prices.read, prices.write_30m, prices.write_12h) == (
        Decimal(4),
        Decimal("0.4"),
        Decimal(5),
        Decimal(10),
    )
    assert (prices.write_5m, prices.write_1h) == (None, None)
    assert prices.source.startswith("genai-prices" if installed else "prefixwarm")


def test_a_model_of_google() -> None:
    prices = price("models/gemini-3.8-flash")
    assert prices is not None
    assert prices.read == prices.input / 10


@pytest.mark.parametrize("model", ["gpt-9", "claude-opus-9", "", "gpt-6-sol-pro", "mistral-large"])
def test_an_unknown_model_is_unknown(model: str) -> None:
    assert price(model) is None
    assert cost({"prompt_tokens": 5, "completion_tokens": 1}, model or "-") is None


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("mine", "mine"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("global.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
    ],
)
def test_own_prices_come_first(model: str, key: str) -> None:
    """Also for the same model by another spelling."""
    prices = price(model, own={key: OWN})
    assert prices is not None
    assert (prices.input, prices.read, prices.source) == (Decimal(3), Decimal("0.3"), "own")
    assert prices.write_1h is None, "what is left out is unknown"


def test_one_geography_is_no_price_of_the_others() -> None:
    own = {"eu.anthropic.claude-sonnet-5-5": OWN}
    assert price("claude-sonnet-5-5", own=own) == lookup("claude-sonnet-5-5")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input": 3}, "output is missing"),
        ({**OWN, "cached": 1}, "'cached' is not a category"),
        ({**OWN, "read": -1}, "read is not a price"),
        ({**OWN, "read": "free"}, "read is not a price"),
        ({**OWN, "read": float("nan")}, "read is not a price"),
        ({**OWN, "read": float("inf")}, "read is not a price"),
    ],
)
def test_own_prices_are_checked(row: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        price("mine", own={"mine": row})


def test_cost_of_a_reply_in_the_tier_of_its_prompt() -> None:
    """Claude Haiku 5.5 costs five times as much above 100,000 tokens of prompt."""
    usage = {"input_tokens": 1, "output_tokens": 0, "cache_read_input_tokens": 100_000}
    assert cost(usage, "claude-haiku-5-5") == Decimal("0.0050005")
    reply = {"model": "claude-haiku-5-5", "usage": {**usage, "cache_read_input_tokens": 99_999}}
    assert cost(reply) == Decimal("0.00100009")


def test_cost_of_openai() -> None:
    usage = {
        "input_tokens": 100_000,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 100_000,
            "cache_write_tokens_details": {"ttl_30m_tokens": 0, "ttl_12h_tokens": 100_000},
        },
        "output_tokens": 0,
    }
    assert cost(usage, "gpt-6-sol") == Decimal("0.5")


def test_a_converse_reply_costs_what_bedrock_charges() -> None:
    usage = {"inputTokens": 1_000_000, "outputTokens": 0, "totalTokens": 1_000_000}
    assert cost(usage, "us.anthropic.claude-sonnet-5-5-v1:0") == Decimal("2.2")


def test_how_it_was_served_is_the_replys_to_say() -> None:
    """Unless the caller does."""
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    us = {**usage, "inference_geo": "us", "service_tier": "batch"}
    assert cost(us, "claude-opus-5") == Decimal("2.75")
    assert cost({**us, "service_tier": "standard"}, "claude-opus-5") == Decimal("5.5")
    assert cost({**usage, "inference_geo": "not_available"}, "claude-opus-5") == Decimal(5)
    assert cost(us, "claude-opus-5", inference_geo="global") == Decimal("2.5")
    assert cost({**usage, "speed": "fast"}, "claude-opus-5-5") == Decimal(8)


def test_absurd_numbers_are_no_money() -> None:
    assert cost({"input_tokens": 10**12, "output_tokens": 1}, "claude-sonnet-5-5") is None


def test_what_needs_an_unknown_price_is_unknown() -> None:
    """And what does not need it is not."""
    assert cost(Usage(write_1h=1), "mine", own={"mine": OWN}) is None
    assert cost(Usage(read=10**6), "mine", own={"mine": OWN}) == Decimal("0.3")


def test_prices_are_taken_as_they_are() -> None:
    prices = lookup("claude-opus-5", inference_geo="us")
    assert cost({"input_tokens": 1_000_000, "output_tokens": 0}, prices) == Decimal("5.5")


def test_what_cannot_be_priced_is_said() -> None:
    with pytest.raises(UsageError, match="no usage"):
        cost({"id": "msg_1"}, "claude-opus-5")
    with pytest.raises(UsageError, match="names no model"):
        cost({"input_tokens": 1, "output_tokens": 1})
    openai = price("gpt-6-sol")
    assert openai is not None
    with pytest.raises(UsageError, match="gpt-6-sol has no price"):
        cost(openai, write_1h=1)
