"""Whether to warm at a start, and how long to hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.settings import Settings
from prefixwarm.state.warm_state import State
from prefixwarm_extension.init_policy import Decision, Start, decide, start_of

if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall

TABLE = Settings(table="warm-state")
COLD = State.of("k", write_ms=1000.0, read_ms=200.0)


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


def refusal(decision: Decision) -> str:
    """Why nothing is sent; empty when something is."""
    return "" if decision.send else decision.why


def test_an_unknown_write_time_is_found_out(call: WarmCall) -> None:
    """The first write of a prefix cannot be reckoned, and teaches."""
    assert refusal(decide(TABLE, ON_DEMAND, State(key="k"), call, 0.0)) == ""


def test_a_write_that_outlasts_the_rest_of_the_hold_is_not_sent(call: WarmCall) -> None:
    """Nobody would wait for its end."""
    assert refusal(decide(TABLE, ON_DEMAND, COLD, call, 1.9)) == ""
    assert "longer than the hold" in refusal(decide(TABLE, ON_DEMAND, COLD, call, 2.1))


def test_without_a_hint_the_functions_own_init_is_taken_to_be_long(call: WarmCall) -> None:
    """Functions that import an SDK are, and they are what this is for."""
    assert refusal(decide(TABLE, ON_DEMAND, COLD, call, 0.1)) == ""


@pytest.mark.parametrize(
    ("own_init_ms", "pays"),
    [(2000, True), (1000, True), (301, True), (299, False), (0, False)],
)
def test_waiting_pays_while_it_is_shorter_than_what_it_saves(
    call: WarmCall, own_init_ms: int, pays: bool
) -> None:
    """A write of 1 s at 0.1 s after the start, a read of 0.2 s: 0.8 s are saved."""
    settings = TABLE.replace(init_hint_ms=own_init_ms)
    reason = refusal(decide(settings, ON_DEMAND, COLD, call, 0.1))
    assert (reason == "") is pays
    assert pays or "would save it 0.8 s" in reason


@pytest.mark.parametrize(("dollars", "pays"), [(0.0, True), (0.01, True), (0.0001, False)])
def test_a_second_that_has_a_price_must_be_worth_the_read(
    call: WarmCall, dollars: float, pays: bool
) -> None:
    """The read costs 0.001 dollars, the wait that is saved 0.8 s."""
    settings = TABLE.replace(init_hint_ms=2000, latency_value=dollars)
    reason = refusal(decide(settings, ON_DEMAND, COLD, call, 0.1))
    assert (reason == "") is pays
    assert pays or reason.endswith("are worth <$0.0001, a read costs $0.001")


def test_an_unknown_price_decides_nothing(call: WarmCall) -> None:
    """It is not taken for nought."""
    settings = TABLE.replace(init_hint_ms=2000, latency_value=0.0001)
    unpriced = call.replace(usd_per_mtok={})
    assert refusal(decide(settings, ON_DEMAND, COLD, unpriced, 0.1)) == ""


def test_nobody_waits_for_provisioned_starts(call: WarmCall) -> None:
    """So nothing has to pay."""
    start = Start(kind="provisioned-concurrency", hold=55.0)
    settings = TABLE.replace(init_hint_ms=0, latency_value=0.0001)
    assert refusal(decide(settings, start, COLD, call, 54.9)) == ""


def gated(milliseconds: int, hold_ms: int = 0, **more: object) -> Settings:
    """A gate, and no hold."""
    return TABLE.replace(gate_ms=milliseconds, init_hold_ms=hold_ms, **more)


def test_where_a_gate_waits_no_hold_is_needed_but_for_the_lease() -> None:
    """The gate looks for it."""
    start = start_of(gated(2000), "on-demand", 60.0)
    assert (start.hold, start.gate, start.refusal) == (0.5, 2.0, "")
    assert start_of(gated(2000, 3000), "on-demand", 60.0).hold == 3.0


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (gated(499), "on-demand"),
        (gated(2000, init="always"), "on-demand"),
        (gated(2000), "provisioned-concurrency"),
    ],
)
def test_a_gate_that_cannot_help_does_not_count(settings: Settings, kind: str) -> None:
    """Too short for any write; one that sees no lease; one that nobody stands at."""
    assert start_of(settings, kind, 60.0).gate == 0.0


def test_a_gate_that_is_too_short_is_named() -> None:
    """The line says what to change."""
    assert start_of(gated(499), "on-demand", 60.0).refusal.endswith("a gate of 499 ms too short")


@pytest.mark.parametrize(
    ("gate", "hold", "send", "lets_go"),
    [(1.0, 0.5, True, True), (0.9, 0.5, True, False), (0.5, 0.5, False, False)],
)
def test_the_function_is_held_for_what_its_gate_does_not_wait_for(
    call: WarmCall, gate: float, hold: float, send: bool, lets_go: bool
) -> None:
    """A write of a second, at 0.1 s after the start."""
    decision = decide(TABLE, Start(kind="on-demand", hold=hold, gate=gate), COLD, call, 0.1)
    assert (decision.send, decision.gated) == (send, lets_go)


def test_an_unknown_write_time_is_the_gates_to_wait_for(call: WarmCall) -> None:
    """As long as it waits at all."""
    start = Start(kind="on-demand", hold=3.0, gate=2.0)
    assert decide(TABLE, start, State(key="k"), call, 0.1).gated


def test_every_decision_says_why(call: WarmCall) -> None:
    """Who waits, and for what."""
    start = Start(kind="on-demand", hold=3.0, gate=2.0)
    hinted = TABLE.replace(init_hint_ms=900)
    reasons = [
        decide(TABLE, ON_DEMAND, State(key="k"), call, 0.1).why,
        decide(TABLE, ON_DEMAND, COLD, call, 0.1).why,
        decide(hinted, ON_DEMAND, COLD, call, 0.1).why,
        decide(TABLE, start, COLD, call, 0.1).why,
        decide(TABLE, start.replace(gate=0.5, hold=0.5), COLD, call, 0.1).why,
        decide(TABLE, start.replace(kind="lambda-managed-instances"), COLD, call, 0.1).why,
    ]
    assert reasons == [
        "held until the reply: how long a write takes is not known yet",
        "held until the reply: a write takes 1.0 s",
        "held until the reply: a write takes 1.0 s, 0.2 s of it waited for to save 0.8 s",
        "the gate waits up to 2.0 s: a write takes 1.0 s",
        "first request will write: a write takes 1.0 s, longer than the hold and the gate",
        "held until the reply: nobody waits for this start",
    ]
