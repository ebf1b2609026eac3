from __future__ import annotations

from decimal import Decimal
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import SettingsError
from prefixwarm.fields.model_names import ModelName, parse
from prefixwarm.prices import cost, genai, lookup, minimum_tokens
from prefixwarm.prices import price_table as shipped

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

OWN_PRICES = sorted(m for m, row in shipped.table()["models"].items() if "usd_per_mtok" in row)


# Python 3.10 has this release of the price package, which lists less.
older_list = pytest.mark.skipif(
    metadata.version("genai-prices").startswith("0.1."), reason="an older list of prices"
)


@pytest.mark.parametrize("tokens", [0, 100_000, 100_001, 150_000])
def test_both_sources_agree_on_every_model_that_both_know(tokens: int) -> None:
    theirs = {model: genai.rates(model, tokens) for model in OWN_PRICES}
    priced = {model: rates for model, rates in theirs.items() if rates is not None}
    assert len(priced) >= 15, "the comparison must compare something"
    assert {model: shipped.rates(shipped.table(), model, tokens) for model in priced} == priced


def bedrock_models() -> list[tuple[ModelInfo, ModelName]]:
    from genai_prices.data_snapshot import get_snapshot

    aws = next(p for p in get_snapshot().providers if p.id == "aws")
    named = [(m, parse(m.id.replace("regional.", "us."))) for m in aws.models]
    return [(m, name) for m, name in named if name and name.model in OWN_PRICES]


def test_bedrock_prices_agree_with_the_price_list() -> None:
    """Ours are derived from the Claude API's by a multiplier; AWS's are listed one by one."""
    compared = 0
    for model, _ in bedrock_models():
        prices = lookup(model.id.replace("regional.", "us."), route="bedrock")
        listed = model.prices
        for theirs, ours in (
            (listed.input_mtok, prices.input),
            (listed.cache_read_mtok, prices.read),
            (listed.cache_write_mtok, prices.write_5m),
            (listed.cache_write_1h_mtok, prices.write_1h),
            (listed.output_mtok, prices.output),
        ):
            if theirs is not None:
                assert ours == getattr(theirs, "base", theirs), model.id
                compared += 1
    assert compared >= 100


@older_list
def test_fast_mode_agrees_with_the_price_list() -> None:
    from genai_prices.data_snapshot import get_snapshot

    anthropic = next(p for p in get_snapshot().providers if p.id == "anthropic")
    fast = 0
    for model in anthropic.models:
        variants = [v for v in model.price_variants or () if v.when == {"speed": "fast"}]
        prices = lookup(model.id, speed="fast")
        if variants:
            assert prices is not None, model.id
            assert prices.read == variants[0].prices.cache_read_mtok
            assert prices.write_1h == variants[0].prices.cache_write_1h_mtok
            fast += 1
        else:
            assert prices is None, model.id
    assert fast >= 3


def test_the_read_multiplier_belongs_to_the_model() -> None:
    ratio = {
        m: lookup(m).read / lookup(m).input
        for m in ("claude-fable-5-2", "claude-opus-5-5", "claude-opus-5")
    }
    assert list(ratio.values()) == [Decimal("0.025"), Decimal("0.05"), Decimal("0.1")]


def test_a_model_only_we_know_has_our_date() -> None:
    prices = lookup("claude-mythos-5-1")
    assert (prices.read, prices.source, prices.as_of) == (
        Decimal("0.25"),
        "prefixwarm",
        shipped.table()["as_of"],
    )


def test_without_the_price_package_our_table_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genai, "release", lambda: None)
    assert lookup("claude-sonnet-5-5").source == "prefixwarm"


@pytest.mark.parametrize("model", ["claude-opus-9", "claude-opus-4-51", "gpt-5.6", "claude-2"])
def test_an_unknown_model_is_unknown_and_never_free(model: str) -> None:
    assert lookup(model) is None


def test_a_model_without_cache_prices_of_today_is_unknown() -> None:
    assert lookup("claude-mythos-preview") is None


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({}, "1"),
        ({"inference_geo": "global"}, "1"),
        ({"inference_geo": "us"}, "1.1"),
        ({"speed": "fast"}, "2"),
        ({"speed": "fast", "inference_geo": "us"}, "2.2"),
        ({"route": "aws", "region": "eu-west-1"}, "1"),
        ({"route": "bedrock", "region": "eu-west-1"}, "1.1"),
        ({"route": "bedrock-mantle"}, "1.1"),
        ({"route": "bedrock", "region": "global"}, "1"),
    ],
)
def test_multipliers_apply_to_every_category(options: dict[str, str], factor: str) -> None:
    plain, prices = lookup("claude-opus-5-5"), lookup("claude-opus-5-5", **options)
    for category in shipped.table()["columns"]:
        assert getattr(prices, category) == getattr(plain, category) * Decimal(factor)


@pytest.mark.parametrize(
    "options", [{"inference_geo": "us"}, {"inference_geo": "mars"}, {"speed": "fast"}]
)
def test_what_the_provider_refuses_has_no_price(options: dict[str, str]) -> None:
    assert lookup("claude-haiku-4-5", **options) is None


def test_an_unknown_route_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="bedrock-mantle"):
        lookup("claude-opus-5", route="azure")


def test_cost_is_exact() -> None:
    prices = lookup("claude-haiku-5-5", prompt_tokens=100_001)
    total = cost(prices, input=1, read=3, write_5m=7, write_1h=100_001, output=1)
    assert total == Decimal("0.100008525")


@pytest.mark.parametrize(
    ("model", "route", "minimum"),
    [
        ("claude-opus-5-5", "anthropic", 512),
        ("claude-haiku-4-5-20251001", "anthropic", 4096),
        ("claude-opus-4-7", "anthropic", 2048),
        ("anthropic.claude-opus-4-7", "bedrock-mantle", 4096),
        ("us.anthropic.claude-sonnet-4-6", "bedrock", 2067),
        ("claude-sonnet-4-6", "aws", 1024),
        ("claude-fable-9", "anthropic", None),
        ("gpt-5.6", "anthropic", None),
    ],
)
def test_minimum_by_model_and_route(model: str, route: str, minimum: int | None) -> None:
    assert minimum_tokens(model, route) == minimum


def test_a_minimum_can_be_overridden() -> None:
    assert minimum_tokens("claude-opus-5", overrides={"claude-opus-5": 600}) == 600


def test_the_price_package_is_not_imported_before_a_price_is_asked_for() -> None:
    import subprocess
    import sys

    code = "import sys, prefixwarm.prices; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
