"""`prefixwarm status`: which prefixes are warm."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli import describe
from prefixwarm.cli.output import dollars, emit, json_option, table
from prefixwarm.cli.reach import reach
from prefixwarm.core.deadline import Deadline
from prefixwarm.keepwarm.superseded import prefix_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.core.seams import StateStore
    from prefixwarm.core.state import State

__all__ = ["every_state", "state_option", "status", "superseded", "total"]

_EVER = 1e11
_MOST = 10_000
_SECONDS = 30.0

_HEAD = (
    *("PREFIX", "STATE", "LEFT", "USE", "READ", "CALLS", "SPENT", "SAVED", "NET"),
    *("TTL", "NEXT CHECK", "WHY"),
)

state_option = click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read this file instead of the table PREFIXWARM_TABLE.",
)


@click.command(epilog="Example: PREFIXWARM_TABLE=prefixwarm prefixwarm status")
@state_option
@json_option
def status(state_file: Path | None, as_json: bool) -> None:
    """Show which prefixes are warm.

    And whether that is used, what it costs and what it saves.

    What is read and saved needs `prefixwarm.observe` in the agent.
    """
    with reach() as found:
        states = every_state(found.known_state(state_file))
    now = time()
    old = superseded(states)
    listed = [describe.document(s, now) | {"superseded": s.key in old} for s in states]
    emit({"prefixes": listed, "total": total(states)}, as_json, lambda: _show(states, old, now))


def every_state(store: StateStore) -> list[State]:
    """The states of all prefixes that are kept or were warmed, by name.

    Raises
    ------
    StateError
        When it cannot be read.
    """
    found = store.due(_EVER, _MOST, Deadline.after(_SECONDS))
    return sorted(found, key=lambda state: (state.name, state.key))


def superseded(states: Sequence[State]) -> set[str]:
    """Keys of the versions whose place a later deployment's has taken."""
    newest: dict[str, float] = {}
    for state in states:
        prefix, deployed = prefix_of(state.key), state.deployed_at or 0.0
        newest[prefix] = max(newest.get(prefix, 0.0), deployed)
    return {s.key for s in states if (s.deployed_at or 0.0) < newest[prefix_of(s.key)]}


def _show(states: Sequence[State], old: set[str], now: float) -> None:
    if not states:
        click.echo("no prefix is known: nothing was warmed yet")
        return
    rows = [_row(state, state.key in old, now) for state in states]
    table(_HEAD, [*rows, _total(states)] if len(rows) > 1 else rows)


def _row(state: State, old: bool, now: float) -> tuple[object, ...]:
    return (
        state.name,
        describe.condition(state, now) + (", superseded" if old else ""),
        describe.span(state.warm_for(now)) if state.warm_for(now) else "-",
        describe.use(state, now),
        describe.read(state),
        state.calls,
        _spent(state.spent_usd, state.unpriced),
        dollars(state.saved_usd) if state.starts else "-",
        dollars(describe.net_usd(state)),
        f"{state.granted_ttl} s" if state.granted_ttl else "-",
        describe.until(state.due_at, now),
        _why(state, now),
    )


def _why(state: State, now: float) -> str:
    drift = describe.drift(state, now)
    if drift and not describe.matched_since(state):
        return f"{drift} drifted"
    return state.reason or "-"


def _total(states: Sequence[State]) -> tuple[object, ...]:
    found = total(states)
    hits = f"{found['start_hits']} of {found['starts']}" if found["starts"] else "-"
    money = (_spent(found["spent_usd"], found["unpriced"]), dollars(found["saved_usd"]))
    return (
        "total",
        "",
        "",
        "",
        hits,
        found["calls"],
        *money,
        dollars(found["net_usd"]),
        *3 * ("",),
    )


def _spent(amount: float, unpriced: int) -> str:
    return dollars(amount) + (" + unknown" if unpriced else "")


def total(states: Sequence[State]) -> dict[str, Any]:
    """Sums over prefixes; `net_usd` is None while some of the spending is unknown."""
    names = ("calls", "unpriced", "spent_usd", "saves", "saved_usd", "starts", "start_hits")
    sums: dict[str, Any] = {n: sum(getattr(state, n) for state in states) for n in names}
    sums["net_usd"] = None if sums["unpriced"] else sums["saved_usd"] - sums["spent_usd"]
    return sums
