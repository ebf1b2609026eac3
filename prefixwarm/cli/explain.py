"""`prefixwarm explain`: explain why a prefix is warm, cold or left alone."""

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
from prefixwarm.cli.status import every_state, superseded
from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.old_versions import SILENT_SECONDS, used_at
from prefixwarm.life import TTL_1H
from prefixwarm.state.model import METRIC, OBSERVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from prefixwarm.state.keepwarm_model import Ledger
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


_SEEN_BY = {
    OBSERVED: ", as prefixwarm.observe saw",
    METRIC: ", by the function's Invocations metric",
}


@click.command(epilog="Example: prefixwarm explain support --days 7")
@click.argument("name")
@state_option("Read this file instead of the table PREFIXWARM_TABLE.")
@click.option(
    "--days", type=click.IntRange(1, 35), default=7, show_default=True, help="Days of the ledger."
)
@wide_option
@aws_deployment
@json_option
def explain(name: str, state_file: Path | None, days: int, wide: bool, as_json: bool) -> None:
    """Explain why a prefix is warm, cold or left alone."""
    now = time()
    with connect() as connections, progress("reading the warm state"):
        store = existing_state(state_file, connections)
        states = _named(store, name)
        histories = [(state, ledgers.ledgers(store, state.key, days, now)) for state in states]
        pauses = describe.pauses(store, states, now)
    old_keys = superseded(states)
    sentences = {state.key: list(_why(state, state.key in old_keys, now)) for state in states}
    prefixes = [
        {
            **describe.document(state, now),
            "ledger": [ledgers.document(day) for day in ledger],
            "superseded": state.key in old_keys,
            "why": sentences[state.key],
        }
        for state, ledger in histories
    ]
    document = {"prefixes": prefixes, "paused": pauses}
    emit(document, as_json, lambda: _show(histories, sentences, pauses, now, wide))


def _named(store: StateStore, name: str) -> list[State]:
    states = every_state(store)
    named = [state for state in states if state.name == name]
    if not named:
        names = ", ".join(sorted({state.name for state in states})) or "none"
        raise UsageError(f"no state for a prefix {name!r}; known: {names}")
    return named


def _why(state: State, is_old: bool, now: float) -> Iterator[str]:
    """Explain in sentences, the answer first."""
    yield _answer(state, now)
    if is_old:
        last_use = describe.ago(used_at(state) or None, now)
        yield (
            f"superseded: a later deployment took its place; last used {last_use}, and forgotten "
            f"when that is {describe.span(SILENT_SECONDS)}"
        )
    if state.last_call.outcome:
        reason = f": {state.last_decision.reason}" if state.last_decision.reason else ""
        yield f"last call {state.last_call.outcome} {describe.ago(state.last_call.at, now)}{reason}"
    elif state.last_decision.reason:
        yield f"last decision: {state.last_decision.reason}"
    yield from _ttl(state)
    yield from _evidence(state, now)
    if state.life.max_tokens:
        yield "the provider refuses max_tokens 0 here, so 1 is sent"
    yield f"next check {describe.until(state.last_decision.due_at, now)}"


def _ttl(state: State) -> Iterator[str]:
    if state.life.longest_ttl:
        yield (
            f"the provider does not grant an hour here: {state.life.longest_ttl} s are asked "
            "for, and the policy's rules for that apply"
        )
    elif state.life.granted_ttl and state.life.granted_ttl < TTL_1H:
        yield f"the provider granted a TTL of {state.life.granted_ttl} s"
    if state.last_decision.wanted_ttl and state.last_decision.wanted_ttl != state.life.granted_ttl:
        yield f"the next write asks for a TTL of {state.last_decision.wanted_ttl} s"


def _evidence(state: State, now: float) -> Iterator[str]:
    """Whether observed requests read the warm entry, or nothing is observed."""
    yield from _drift(state, now)
    if state.traffic.at is None:
        yield "no real traffic was seen: nothing shows that the warm entry is read"
        return
    silence = (
        f"; {state.traffic.idle_refreshes} refreshes since" if state.traffic.idle_refreshes else ""
    )
    evidence = _SEEN_BY.get(state.traffic.by, "")
    yield f"last sign of real traffic {describe.ago(state.traffic.at, now)}{evidence}{silence}"
    rate = describe.hit_rate_of(state)
    if rate is not None:
        missed = ledgers.priced(state.observed.missed_usd, state.observed.missed_unpriced)
        yield f"hit rate {rate:.0%} of the input tokens; misses cost {missed} more than reads"
    if not state.traffic.starts:
        yield "no request was observed (prefixwarm.observe), so whether it is read is unknown"
    elif not state.traffic.start_hits:
        yield f"warmed but never read: {state.traffic.starts} sessions started without reading it"
    else:
        saved = dollars(state.money.saved_usd)
        yield f"{describe.read(state)} observed session starts read it; saved at least {saved}"


def _drift(state: State, now: float) -> Iterator[str]:
    place = describe.drift(state, now)
    if not place:
        return
    drifted = f"{place} drifted {describe.ago(state.traffic.drift_at, now)}"
    if describe.matched_since(state):
        yield f"{drifted}; a later request matched the warmed prefix"
    else:
        warmed = "warmed but " if state.money.calls and state.life.warm_until else ""
        yield f"{warmed}not what is sent: {drifted}; capture again, or undo the change"


def _answer(state: State, now: float) -> str:
    kind = describe.condition(state, now)
    if kind == "warm":
        return f"warm for another {describe.span(state.warm_for(now))}"
    if kind == "backing off":
        pause = describe.until(state.backoff.until, now)
        failed_function = f" by {state.backoff.of}, perhaps because of its key or network" * bool(
            state.backoff.of
        )
        failures = f"{state.backoff.failures} failed calls{failed_function}"
        return f"left alone after {failures}; next try {pause}"
    if kind == "warming":
        return "being warmed now"
    if kind == "cold":
        return f"cold: the entry ended {describe.ago(state.life.warm_until, now)}"
    return "never warmed"


def _show(
    histories: Sequence[tuple[State, Sequence[Ledger]]],
    sentences: Mapping[str, Sequence[str]],
    pauses: Sequence[Mapping[str, Any]],
    now: float,
    wide: bool,
) -> None:
    for state, ledger in histories:
        line(f"{state.name} ({state.key.partition('/')[2]})")
        for sentence in sentences[state.key]:
            line(f"  {sentence}")
        if ledger:
            days = [(day.day, ledgers.document(day)) for day in ledger]
            total = [("total", ledgers.summed(ledger))] if len(days) > 1 else []
            table(
                [_row(*pair) for pair in (*days, *total)],
                optional=(("BY OTHERS",), ("READS",)),
                wide=wide,
            )
    for pause in pauses:
        line(describe.paused(pause, now))


def _row(label: str, ledger: Mapping[str, Any]) -> dict[str, object]:
    return {
        "DAY": label,
        "KEEP-WARM CALLS": ledgers.calls(ledger["outcomes"]),
        "SPENT": ledgers.priced(ledger["spent_usd"], ledger["unpriced"]),
        "BY OTHERS": dollars(ledger["others_usd"]),
        "SAVED": dollars(ledger["saved_usd"]),
        "READS": ledger["saves"],
        "NET": dollars(ledger["net_usd"]),
    }
