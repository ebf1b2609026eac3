"""`prefixwarm status`: show which prefixes are warm."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars
from prefixwarm.cli import describe, ledgers
from prefixwarm.cli.aws_options import aws_deployment
from prefixwarm.cli.connections import connect, existing_state, state_option
from prefixwarm.cli.output import emit, json_option, line, table, wide_option
from prefixwarm.cli.progress import progress
from prefixwarm.keepwarm.budget import total_key
from prefixwarm.state.model import shared_key
from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.warm.start_share import used_up
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


_OBSERVE = (
    'attach(function, observe="auto") changes that, or in the agent '
    "`from prefixwarm.observe import instrument; instrument()` (docs/observe.md)"
)
_EVER = 1e11
_MOST = 10_000
_SECONDS = 30.0

# Columns to leave out on a narrow terminal, in this order.
_OPTIONAL = (
    *(("TTL",), ("LAST 30 DAYS",), ("CALLS",), ("READ",), ("SPENT", "SAVED")),
    ("NEXT CHECK",),
)


@click.command(epilog="Example: PREFIXWARM_TABLE=prefixwarm prefixwarm status")
@state_option("Read this file instead of the table PREFIXWARM_TABLE.")
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
        states = _by_name(store, due.states)
        sums_by_key = {state.key: ledgers.periods(store, [state.key], now) for state in states}
        totals = {total_key(state.deployment.name) for state in states}
        sums = {**total(states), **ledgers.periods(store, sorted(totals), now)}
        pauses = describe.pauses(store, states, now)
    unreadable = [{"key": error.key, "why": error.problem} for error in due.unreadable]
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
    table(rows, optional=_OPTIONAL, wide=wide)
    for state in states:
        if why := used_up(state, now):
            line(f"{state.name}: {why}")
    if blind := [state.name for state in states if not describe.is_observed(state)]:
        line(f"not observed: {', '.join(blind)}: {_OBSERVE}")
    for sentence in ledgers.sentences({name: sums[name] for name in ledgers.PERIODS}):
        line(sentence)
    for pause in pauses:
        line(describe.paused(pause, now))


def _row(state: State, is_old: bool, sums: Mapping[str, Any], now: float) -> dict[str, object]:
    money, observed = state.money, state.observed
    missed = ledgers.priced(observed.missed_usd, observed.missed_unpriced)
    return {
        "PREFIX": state.name,
        "STATE": describe.condition(state, now) + (", superseded" if is_old else ""),
        "LEFT": describe.span(state.warm_for(now)) if state.warm_for(now) else "-",
        "USE": describe.use(state, now),
        "READ": describe.read(state),
        "HIT RATE": describe.percent(describe.hit_rate_of(state)),
        "MISSED": missed if observed.requests else "-",
        "CALLS": money.calls,
        "SPENT": ledgers.priced(money.spent_usd, money.unpriced),
        "SAVED": dollars(money.saved_usd) if state.traffic.starts else "-",
        "NET": dollars(describe.net_usd(state)),
        "TTL": _ttl(state),
        "LAST 30 DAYS": ledgers.calls(sums["last_30_days"]["outcomes"]),
        "NEXT CHECK": describe.until(state.last_decision.due_at, now),
        "WHY": _why(state, now),
    }


def _ttl(state: State) -> str:
    granted = f"{state.life.granted_ttl} s" if state.life.granted_ttl else "-"
    return f"{granted}, 1 h not granted" if state.life.longest_ttl else granted


def _why(state: State, now: float) -> str:
    drift = describe.drift(state, now)
    if drift and not describe.matched_since(state):
        return f"{drift} drifted"
    return state.last_decision.reason or "-"


def _total(sums: Mapping[str, Any]) -> dict[str, object]:
    missed = ledgers.priced(sums["missed_usd"], sums["missed_unpriced"])
    return {
        "PREFIX": "total",
        "READ": f"{sums['start_hits']} of {sums['starts']}" if sums["starts"] else "-",
        "HIT RATE": describe.percent(sums["hit_rate"]),
        "MISSED": missed if sums["requests"] else "-",
        "CALLS": sums["calls"],
        "SPENT": ledgers.priced(sums["spent_usd"], sums["unpriced"]),
        "SAVED": dollars(sums["saved_usd"]),
        "NET": dollars(sums["net_usd"]),
        "LAST 30 DAYS": ledgers.calls(sums["last_30_days"]["outcomes"]),
    }


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
