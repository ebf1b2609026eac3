"""What `KeepWarm` writes into the manifest, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, TimeZone

from prefixwarm.errors import UsageError
from prefixwarm.policy import Policy
from prefixwarm_cdk import KeepWarm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_rules_by_name() -> None:
    """Each rule is the policy's."""
    rules = [KeepWarm.auto(), KeepWarm.ski(), KeepWarm.hazard()]
    assert [rule.policy for rule in rules] == [{"rule": n} for n in ("auto", "ski", "hazard")]
    assert KeepWarm.off().policy is None


def test_windows_become_the_policys_hours() -> None:
    """The manifest's policy is one that the policy package reads."""
    keep_warm = KeepWarm.windows(
        "08:00-18:00", time_zone=TimeZone.of("Europe/Oslo"), warm_by="08:55", rule=KeepWarm.ski()
    ).policy
    assert keep_warm == {
        "rule": "ski",
        "hours": "08:00-18:00",
        "weekdays": "mon-fri",
        "timezone": "Europe/Oslo",
        "before": "08:55",
    }
    read = Policy.of(keep_warm)
    assert read.hours is not None
    assert read.hours.calendar.timezone == "Europe/Oslo"


@pytest.mark.parametrize(
    ("hours", "words"),
    [("8 to 18", "write such as 08:00-20:00"), ("08:00-25:00", "write such as 08:55")],
)
def test_bad_hours_are_refused(hours: str, words: str) -> None:
    """At synth, not at the first tick."""
    with pytest.raises(UsageError, match=words):
        KeepWarm.windows(hours)


def test_a_bad_weekday_is_refused() -> None:
    """With the accepted words."""
    with pytest.raises(UsageError, match="mon, tue"):
        KeepWarm.windows("08:00-18:00", weekdays="monday")


def test_windows_of_off_are_refused() -> None:
    """Nothing would ever be warmed."""
    with pytest.raises(UsageError, match=r"windows\(rule=\.\.\.\): never warms; use KeepWarm"):
        KeepWarm.windows("08:00-18:00", rule=KeepWarm.off())


def test_an_interval_of_the_ttl_is_refused() -> None:
    """Each refresh would be a write."""
    with pytest.raises(UsageError, match="below the TTL of 3600"):
        KeepWarm.ski(interval=Duration.hours(1))


def test_an_interval_of_a_prefixs_own_ttl_is_refused(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """A prefix of 5 minutes among others of an hour."""
    short = write_prefix("short", ttl="5m")
    every = Duration.minutes(5)
    with pytest.raises(UsageError, match=r"prefix short: lives for 300 s .* every 300 s"):
        bench.warmer(prefixes=[bench.prefix, short], keep_warm=KeepWarm.ski(interval=every))
