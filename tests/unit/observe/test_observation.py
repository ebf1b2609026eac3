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


ASKED = {"calls": 1, "granted_ttl": 300}


@pytest.mark.parametrize(
    ("quiet", "usage", "state", "lost"),
    [
        (1800.0, MISS, ASKED, True),
        (3601.0, MISS, ASKED, False),
        (1800.0, HIT, ASKED, False),
        (1800.0, Usage(write_5m=1_000_000), ASKED, False),
        (1800.0, MISS, ASKED | {"calls": 0}, False),
        (1800.0, MISS, ASKED | {"granted_ttl": 3600}, False),
    ],
)
def test_a_write_that_an_entry_of_the_agents_own_would_have_spared_is_a_loss(
    priced: Any, quiet: float, usage: Usage, state: dict[str, Any], lost: bool
) -> None:
    """A warm call had written 5 minutes where the agent would have written an hour."""
    seen = Observation("support", None, usage, 10_000.0)
    before = State.of("k", traffic_at=10_000.0 - quiet, **state)
    assert report_of("k", priced, seen).session_start(before).lost is lost


def test_a_read_within_the_hour_that_the_agent_asks_for_saves_nothing(priced: Any) -> None:
    """Though the entry that it read was of 5 minutes, and a warm call's."""
    seen = Observation("support", None, HIT, 10_000.0, asked_ttl=3600)
    before = State.of("k", traffic_at=8_200.0, **ASKED)
    counted = report_of("k", priced, seen).session_start(before)
    assert (counted.hit, counted.saved) == (True, False)


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
