"""The facts about an entry's life."""

from __future__ import annotations

import subprocess
import sys

import pytest

from prefixwarm.life import (
    TTL_SECONDS,
    TTL_WORDS,
    USUAL_PRICES,
    break_even,
    refresh_after,
    relative_prices,
)

TICK = 60


def test_words_and_seconds_are_one_table() -> None:
    assert {word: TTL_WORDS[seconds] for word, seconds in TTL_SECONDS.items()} == {
        "5m": "5m",
        "1h": "1h",
    }


@pytest.mark.parametrize("ttl", [300, 3600])
def test_a_refresh_that_a_tick_makes_still_reads_the_entry(ttl: int) -> None:
    """Due just after one tick, made by the next, half a minute before the entry ends."""
    assert refresh_after(ttl) + TICK <= ttl - 30


def test_an_hour_survives_a_lost_tick() -> None:
    assert refresh_after(3600) + 2 * TICK <= 3600 - 30


@pytest.mark.parametrize(("ttl", "minutes"), [(3600, 58), (300, 4)])
def test_refreshes_by_the_tick_are_whole_minutes_apart(ttl: int, minutes: int) -> None:
    """Also when a tick comes up to half a minute early in its minute."""
    assert minutes * 60 - 30 == refresh_after(ttl)


def test_break_even_is_what_a_miss_costs_in_refreshes() -> None:
    assert break_even(0.1, 1.9) == 19
    assert break_even(0.025, 1.975) == 79
    assert break_even(0.1, -1.0) == 0


def test_prices_are_relative_to_one_uncached_read() -> None:
    """Those of the provider's own table where one of a model's is unknown or zero."""
    prices = {"input": 2.0, "read": 0.1, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0}
    assert relative_prices(prices) == {"read": 0.05, "write_5m": 1.25, "write_1h": 2.0}
    for missing in ("input", "read", "write_1h"):
        assert relative_prices({**prices, missing: None}) == USUAL_PRICES
        assert relative_prices({**prices, missing: 0.0}) == USUAL_PRICES
    assert relative_prices({}) == USUAL_PRICES


def test_it_loads_nothing_beside_the_interpreter_s_own() -> None:
    """The init phase pays for each import."""
    code = "import sys; old = {*sys.modules}; import prefixwarm.life; print(*{*sys.modules} - old)"
    listed = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) == {"__future__", "prefixwarm", "prefixwarm.life"}
