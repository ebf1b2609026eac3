"""AWS's prices, and what a deployment comes to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from prefixwarm.prices import aws_prices as module
from prefixwarm.prices.aws_prices import aws_prices


def test_the_table_is_dated_and_whole() -> None:
    """Every item has a price and a unit; a few as AWS prints them."""
    prices = aws_prices()
    assert (prices.region, len(prices.as_of)) == ("us-east-1", 10)
    assert set(prices.usd) == set(prices.units)
    assert all(usd > 0 for usd in prices.usd.values())
    assert prices.usd["custom_metric_month"] == 0.30
    assert prices.usd["alarm_metric_month"] == 0.10
    assert prices.usd["get_metric_data_metric"] == pytest.approx(0.00001)
    assert prices.usd["dynamodb_write_unit"] == pytest.approx(0.625e-6)


def test_every_price_names_a_page_and_a_day() -> None:
    """So that whoever doubts one can look it up."""
    rows = json.loads(Path(module.__file__).with_name("aws.json").read_text())["usd"]
    for name, row in rows.items():
        assert re.fullmatch(r"https://\S+ \(.*20\d\d-\d\d.*\)", row["source"]), name


@pytest.mark.parametrize(("prefixes", "most"), [(1, 0.60), (10, 1.00), (100, 3.00)])
def test_a_deployment_costs_little(prefixes: int, most: float) -> None:
    """As `benchmarks/aws_bill.py` computed it; the benchmark is what keeps the figures true."""
    assert 0 < aws_prices().deployment(prefixes) <= most


def test_other_sizes_lie_between() -> None:
    """By share, and in proportion beyond."""
    prices = aws_prices()
    one, ten, hundred = (prices.deployment(n) for n in (1, 10, 100))
    assert prices.deployment(0) == one
    assert one < prices.deployment(5) < ten < prices.deployment(50) < hundred
    assert prices.deployment(200) == pytest.approx(2 * hundred)
