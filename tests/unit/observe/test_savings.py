"""What counts as saved: an entry that would have lapsed without us, read by a real request."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.observe.observation import Observation
from prefixwarm.observe.outbox import report_of
from prefixwarm.state.outcome import Usage
from prefixwarm.state.warm_state import State

HIT = Usage(read=1_000_000, input=10)
MISS = Usage(write_1h=1_000_000, input=10)


def start(prefix: Any, usage: Usage, drift: str | None = None, **state: Any) -> Any:
    seen = Observation("support", drift, usage, 10_000.0)
    return report_of("k", prefix, seen).session_start(State.of("k", granted_ttl=3600, **state))


@pytest.fixture
def priced(prefix: Any) -> Any:
    """The prefix, with prices of which reads cost 0.1 and writes 2.5 dollars a million."""
    table = {"input": 2, "read": 0.1, "write_5m": 2.5, "write_1h": 4, "output": 10}
    return prefix.replace(prices={"as_of": "", "source": "", "usd_per_mtok": table})


def test_a_read_after_a_long_silence_saves(priced: Any) -> None:
    """Priced as the cheaper write, less the read that was paid."""
    counted = start(priced, HIT, calls=3, traffic_at=5000.0)
    assert (counted.hit, counted.saved, counted.saved_usd) == (True, True, 2.4)
    assert counted.quiet == 3600


def test_traffic_within_the_ttl_would_have_kept_it_alive(priced: Any) -> None:
    """A hit, and nothing saved."""
    counted = start(priced, HIT, calls=3, traffic_at=9000.0)
    assert (counted.hit, counted.saved, counted.saved_usd, counted.quiet) == (
        True,
        False,
        None,
        300,
    )


def test_a_request_soon_after_another_starts_nothing(priced: Any) -> None:
    """Whatever it read."""
    assert start(priced, HIT, calls=3, traffic_at=9995.0) is None


def test_without_warm_calls_nothing_is_ours(priced: Any) -> None:
    """Somebody else wrote what was read."""
    assert not start(priced, HIT, calls=0, traffic_at=5000.0).saved


@pytest.mark.parametrize(("usage", "drift"), [(MISS, None), (HIT, "system")])
def test_a_miss_saves_nothing(priced: Any, usage: Usage, drift: str | None) -> None:
    """Nor does a read of something else than what was warmed."""
    counted = start(priced, usage, drift, calls=3)
    assert (counted.hit, counted.saved) == (False, False)


def test_an_unknown_price_is_unknown(prefix: Any) -> None:
    """Counted as a save, without dollars."""
    counted = start(prefix.replace(prices=None), HIT, calls=3)
    assert (counted.saved, counted.saved_usd) == (True, None)


def test_a_read_of_what_a_start_sent_is_counted_apart(priced: Any) -> None:
    """Its price is that of the earlier first token: once, and not where others sent it since."""
    sent = {"calls": 1, "init_at": 9990.0, "last_touch": 9991.0}
    assert start(priced, HIT, **sent, traffic_at=5000.0).init_read
    assert not start(priced, HIT, **{**sent, "init_at": 9500.0}, traffic_at=9600.0).init_read
    assert not start(priced, MISS, **sent).init_read
    assert not start(priced, HIT, calls=1, last_touch=9991.0).init_read
    assert not start(priced, HIT, **{**sent, "last_touch": 5000.0}).init_read
