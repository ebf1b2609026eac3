"""`prefixwarm status`: which prefixes are warm."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from prefixwarm.cli import describe
from prefixwarm.cli.output import dollars, emit, json_option, table
from prefixwarm.cli.reach import reach
from prefixwarm.core.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.core.seams import StateStore
    from prefixwarm.core.state import State

__all__ = ["every_state", "state_option", "status"]

_EVER = 1e11
_MOST = 10_000
_SECONDS = 30.0

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
    """Show which prefixes are warm."""
    with reach() as found:
        states = every_state(found.known_state(state_file))
    now = time()
    listed = [describe.document(state, now) for state in states]
    emit({"prefixes": listed}, as_json, lambda: _show(states, now))


def every_state(store: StateStore) -> list[State]:
    """The states of all prefixes that are kept or were warmed, by name.

    Raises
    ------
    StateError
        When it cannot be read.
    """
    found = store.due(_EVER, _MOST, Deadline.after(_SECONDS))
    return sorted(found, key=lambda state: (state.name, state.key))


def _show(states: Sequence[State], now: float) -> None:
    if not states:
        click.echo("no prefix is known: nothing was warmed yet")
        return
    table(
        (
            *("PREFIX", "MODEL", "STATE", "LEFT", "LAST CALL", "TRAFFIC", "READ"),
            *("CALLS", "SPENT", "SAVED", "NEXT CHECK"),
        ),
        [
            (
                state.name,
                state.key.split("/")[4],
                describe.condition(state, now),
                describe.span(state.warm_for(now)) if state.warm_for(now) else "-",
                state.outcome or "none",
                describe.ago(state.traffic_at, now),
                describe.read(state),
                state.calls,
                dollars(state.spent_usd) + (" + unknown" if state.unpriced else ""),
                dollars(state.saved_usd) if state.starts else "-",
                describe.until(state.due_at, now),
            )
            for state in states
        ],
    )
