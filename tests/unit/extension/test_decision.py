"""Whether to warm at a start, and how long to hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.core.settings import Settings
from prefixwarm.core.state import State
from prefixwarm_extension.decision import Start, start_of, worth_holding

if TYPE_CHECKING:
    from prefixwarm.core.warm_call import WarmCall

TABLE = Settings(table="warm-state")
COLD = State(key="k", write_ms=1000.0, read_ms=200.0)


def held_for(kind: str | None, settings: Settings = TABLE, most: float = 60.0) -> tuple[float, str]:
    """The hold in seconds, and the refusal."""
    start = start_of(settings, kind, most)
    return start.hold, start.refusal


@pytest.mark.parametrize("kind", ["on-demand", None, "", "a-new-kind", "restored"])
def test_a_start_that_a_request_waits_for_is_held_for_the_setting(kind: str | None) -> None:
    """An unknown type is treated as the strictest."""
    assert held_for(kind) == (3.0, "")
    assert start_of(TABLE, kind, 60.0).awaited


@pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
def test_a_start_that_nobody_waits_for_has_time(kind: str) -> None:
    """The hold's setting is about requests."""
    assert held_for(kind, TABLE.replace(init_hold_ms=10)) == (55.0, "")


def test_publishing_a_snapshot_is_no_time_to_warm() -> None:
    """The restore is."""
    assert "snap-start" in held_for("snap-start")[1]


def test_the_launchers_patience_bounds_every_hold() -> None:
    """Such as half of the function's time-out under an emulator."""
    assert held_for("on-demand", most=0.5) == (0.5, "")
    assert held_for("provisioned-concurrency", most=20.0) == (20.0, "")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (TABLE.replace(disabled=True), "PREFIXWARM_DISABLED"),
        (TABLE.replace(init="off"), "PREFIXWARM_INIT"),
        (Settings(), "PREFIXWARM_TABLE is not set"),
        (TABLE.replace(init_hold_ms=0), "the hold is 0"),
    ],
)
def test_every_refusal_says_which_setting(settings: Settings, reason: str) -> None:
    """So that the log line is enough to change it."""
    assert reason in held_for("on-demand", settings)[1]


def test_always_needs_no_table() -> None:
    """It does not ask one."""
    assert held_for("on-demand", Settings(init="always")) == (3.0, "")


ON_DEMAND = Start(kind="on-demand", hold=3.0)


def test_an_unknown_write_time_is_found_out(call: WarmCall) -> None:
    """The first write of a prefix cannot be reckoned, and teaches."""
    assert worth_holding(TABLE, ON_DEMAND, State(key="k"), call, 0.0) == ""


def test_a_write_that_outlasts_the_rest_of_the_hold_is_not_sent(call: WarmCall) -> None:
    """Nobody would wait for its end."""
    assert worth_holding(TABLE, ON_DEMAND, COLD, call, 1.9) == ""
    assert "longer than the hold" in worth_holding(TABLE, ON_DEMAND, COLD, call, 2.1)


def test_without_a_hint_the_functions_own_init_is_taken_to_be_long(call: WarmCall) -> None:
    """Functions that import an SDK are, and they are what this is for."""
    assert worth_holding(TABLE, ON_DEMAND, COLD, call, 0.1) == ""


@pytest.mark.parametrize(
    ("own_init_ms", "pays"),
    [(2000, True), (1000, True), (301, True), (299, False), (0, False)],
)
def test_waiting_pays_while_it_is_shorter_than_what_it_saves(
    call: WarmCall, own_init_ms: int, pays: bool
) -> None:
    """A write of 1 s at 0.1 s after the start, a read of 0.2 s: 0.8 s are saved."""
    settings = TABLE.replace(init_hint_ms=own_init_ms)
    reason = worth_holding(settings, ON_DEMAND, COLD, call, 0.1)
    assert (reason == "") is pays
    assert pays or "would save it 0.8 s" in reason


@pytest.mark.parametrize(("dollars", "pays"), [(0.0, True), (0.01, True), (0.0001, False)])
def test_a_second_that_has_a_price_must_be_worth_the_read(
    call: WarmCall, dollars: float, pays: bool
) -> None:
    """The read costs 0.001 dollars, the wait that is saved 0.8 s."""
    settings = TABLE.replace(init_hint_ms=2000, latency_value=dollars)
    reason = worth_holding(settings, ON_DEMAND, COLD, call, 0.1)
    assert (reason == "") is pays
    assert pays or reason.endswith("are worth $0.000080, a read costs $0.001000")


def test_an_unknown_price_decides_nothing(call: WarmCall) -> None:
    """It is not taken for nought."""
    settings = TABLE.replace(init_hint_ms=2000, latency_value=0.0001)
    unpriced = call.replace(usd_per_mtok={})
    assert worth_holding(settings, ON_DEMAND, COLD, unpriced, 0.1) == ""


def test_nobody_waits_for_provisioned_starts(call: WarmCall) -> None:
    """So nothing has to pay."""
    start = Start(kind="provisioned-concurrency", hold=55.0)
    settings = TABLE.replace(init_hint_ms=0, latency_value=0.0001)
    assert worth_holding(settings, start, COLD, call, 54.9) == ""
