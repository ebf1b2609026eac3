"""`prefixwarm status`: show which prefixes are warm."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars
from prefixwarm.cli import describe, ledgers
from prefixwarm.cli.aws_options import aws_deployment
from prefixwarm.cli.connections import connect, existing_state
from prefixwarm.cli.output import emit, json_option, line, table, wide_option
from prefixwarm.cli.progress import progress
from prefixwarm.keepwarm.budget import total_key
from prefixwarm.state.model import shared_key
from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.warm.start_share import used_up
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.state.keepwarm_model import DueStates
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


_OBSERVE = (
    'attach(function, observe="auto") changes that, or in the agent '
    "`from prefixwarm.observe import instrument; instrument()` (docs/observe.md)"
)
_EVER = 1e11
_MOST = 10_000
_SECONDS = 30.0

_HEAD = (
    *("PREFIX", "STATE", "LEFT", "USE", "READ", "HIT RATE", "MISSED", "CALLS", "SPENT", "SAVED"),
    "NET",
    *("TTL", "LAST 30 DAYS", "NEXT CHECK", "WHY"),
)
# Columns to leave out on a narrow terminal, in this order.
_OPTIONAL = (
    *(("TTL",), ("LAST 30 DAYS",), ("CALLS",), ("READ",), ("SPENT", "SAVED")),
    ("NEXT CHECK",),
)

state_option = click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read this file instead of the table PREFIXWARM_TABLE.",
)


@click.command(epilog="Example: PREFIXWARM_TABLE=prefixwarm prefixwarm status")
@state_option
@aws_deployment
@wide_option
@json_option
def status(state_file: Path | None, wide: bool, as_json: bool) -> None:
    """Show which prefixes are warm.

    Also shows whether they are used, what they cost and what they save. Reads and savings need
    `prefixwarm.observe` in the agent. The hit rate is by tokens.
    """
    now = time()
    with connect() as connections, progress("reading the warm state"):
        store = existing_state(state_file, connections)
        due = store.due(_EVER, _MOST, Deadline.after(_SECONDS))
        states, unreadable = _by_name(store, due.states), _unreadable(due)
        sums_by_key = {state.key: ledgers.periods(store, [state.key], now) for state in states}
        totals = {total_key(state.deployment.name) for state in states}
        sums = {**total(states), **ledgers.periods(store, sorted(totals), now)}
        pauses = describe.pauses(store, states, now)
    old_keys = superseded(states)
    prefixes = [
        {
            **describe.document(state, now),
            "superseded": state.key in old_keys,
            **sums_by_key[state.key],
        }
        for state in states
    ]
    emit(
        {"prefixes": prefixes, "total": sums, "paused": pauses, "unreadable": unreadable},
        as_json,
        lambda: _show(states, sums_by_key, sums, pauses, unreadable, now, wide),
    )


def every_state(store: StateStore) -> list[State]:
    """The states of all deployed or warmed prefixes, by name.

    Raises
    ------
    StateError
        If the state cannot be read.
    """
    return _by_name(store, store.due(_EVER, _MOST, Deadline.after(_SECONDS)).states)


def _by_name(store: StateStore, states: Sequence[State]) -> list[State]:
    """The states by name, each completed with what all versions of the prefix share."""
    until = Deadline.after(_SECONDS)
    shared = {key: store.read(key, until) for key in {shared_key(state.key) for state in states}}
    whole = [_with_shared(state, shared[shared_key(state.key)]) for state in states]
    return sorted(whole, key=lambda state: (state.name, state.key))


def _with_shared(state: State, shared: State) -> State:
    """Add the starts' allowance, and the shared policy counters if the version has none."""
    money = state.money.replace(
        init_allowance_usd=shared.money.init_allowance_usd,
        init_write_usd=shared.money.init_write_usd,
        init_until=shared.money.init_until,
    )
    decision = state.last_decision.replace(
        learned=state.last_decision.learned or shared.last_decision.learned
    )
    return state.replace(money=money, last_decision=decision)


def _unreadable(due: DueStates) -> list[dict[str, str]]:
    return [{"key": error.key, "why": error.problem} for error in due.unreadable]


def superseded(states: Sequence[State]) -> set[str]:
    """Keys of versions that a later deployment has replaced."""
    newest: dict[str, float] = {}
    for state in states:
        prefix, deployed = shared_key(state.key), state.deployment.at or 0.0
        newest[prefix] = max(newest.get(prefix, 0.0), deployed)
    return {
        state.key
        for state in states
        if (state.deployment.at or 0.0) < newest[shared_key(state.key)]
    }


def _show(
    states: Sequence[State],
    sums_by_key: Mapping[str, Any],
    sums: Mapping[str, Any],
    pauses: Sequence[Mapping[str, Any]],
    unreadable: Sequence[Mapping[str, str]],
    now: float,
    wide: bool,
) -> None:
    for item in unreadable:
        line(f"unreadable: {item['key']}: {item['why']}")
    if not states:
        if not unreadable:
            line("no prefixes yet: nothing has been warmed")
        return
    old_keys = superseded(states)
    rows = [_row(state, state.key in old_keys, sums_by_key[state.key], now) for state in states]
    rows += [_total(sums)] if len(rows) > 1 else []
    table(_HEAD, rows, optional=_OPTIONAL, wide=wide)
    for state in states:
        if why := used_up(state, now):
            line(f"{state.name}: {why}")
    if blind := [state.name for state in states if not describe.is_observed(state)]:
        line(f"not observed: {', '.join(blind)}: {_OBSERVE}")
    for sentence in ledgers.sentences({name: sums[name] for name in ledgers.PERIODS}):
        line(sentence)
    for pause in pauses:
        line(describe.paused(pause, now))


def _row(state: State, is_old: bool, sums: Mapping[str, Any], now: float) -> tuple[object, ...]:
    return (
        state.name,
        describe.condition(state, now) + (", superseded" if is_old else ""),
        describe.span(state.warm_for(now)) if state.warm_for(now) else "-",
        describe.use(state, now),
        describe.read(state),
        describe.percent(describe.hit_rate_of(state)),
        describe.missed(state.observed.missed_usd, state.observed.missed_unpriced)
        if state.observed.requests
        else "-",
        state.money.calls,
        _spent(state.money.spent_usd, state.money.unpriced),
        dollars(state.money.saved_usd) if state.traffic.starts else "-",
        dollars(describe.net_usd(state)),
        _ttl(state),
        ledgers.calls(sums["last_30_days"]["outcomes"]),
        describe.until(state.last_decision.due_at, now),
        _why(state, now),
    )


def _ttl(state: State) -> str:
    granted = f"{state.life.granted_ttl} s" if state.life.granted_ttl else "-"
    return f"{granted}, 1 h not granted" if state.life.longest_ttl else granted


def _why(state: State, now: float) -> str:
    drift = describe.drift(state, now)
    if drift and not describe.matched_since(state):
        return f"{drift} drifted"
    return state.last_decision.reason or "-"


def _total(sums: Mapping[str, Any]) -> tuple[object, ...]:
    hits = f"{sums['start_hits']} of {sums['starts']}" if sums["starts"] else "-"
    return (
        "total",
        *3 * ("",),
        hits,
        describe.percent(sums["hit_rate"]),
        describe.missed(sums["missed_usd"], sums["missed_unpriced"]) if sums["requests"] else "-",
        sums["calls"],
        _spent(sums["spent_usd"], sums["unpriced"]),
        dollars(sums["saved_usd"]),
        dollars(sums["net_usd"]),
        "",
        ledgers.calls(sums["last_30_days"]["outcomes"]),
        *2 * ("",),
    )


def _spent(amount: float, unpriced: int) -> str:
    return dollars(amount) + (" + unknown" if unpriced else "")


def total(states: Sequence[State]) -> dict[str, Any]:
    """Sums over all prefixes; `net_usd` is None if some spending is unknown."""
    names = (
        *("calls", "unpriced", "spent_usd", "saves", "saved_usd", "starts", "start_hits"),
        *("requests", "request_hits", "tokens_read", "tokens_written", "tokens_uncached"),
        *("missed_usd", "missed_unpriced"),
    )
    held = [state.attributes() for state in states]
    sums: dict[str, Any] = {name: sum(attributes[name] for attributes in held) for name in names}
    tokens = (sums["tokens_read"], sums["tokens_written"], sums["tokens_uncached"])
    sums["hit_rate"] = hit_rate(*tokens)
    sums["net_usd"] = None if sums["unpriced"] else sums["saved_usd"] - sums["spent_usd"]
    return sums
