"""`prefixwarm warm`: make one warm call now."""

from __future__ import annotations

import os
import socket
from math import isnan
from time import time
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars, tokens
from prefixwarm.cli.aws_options import aws_deployment
from prefixwarm.cli.connections import connect, state_in, state_option
from prefixwarm.cli.output import emit, finish, json_option, table, wide_option
from prefixwarm.cli.prefix_options import files_argument
from prefixwarm.cli.progress import progress
from prefixwarm.errors import SettingsError, UsageError
from prefixwarm.life import TTL_1H, refresh_after
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import load, prefix_files
from prefixwarm.provider.routes import route_named
from prefixwarm.settings import DISABLED
from prefixwarm.state.outcome import Outcome, Usage
from prefixwarm.warm.acquire import acquire_in_turn
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.provider.client import Provider
    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.connections import Connections


_FOREVER = 4e9
_WAIT = 30.0


@click.command(epilog="Example: prefixwarm warm support.prefix.json --dry-run")
@files_argument
@click.option("--dry-run", is_flag=True, help="Show what would be sent and its cost; send nothing.")
@click.option("--force", is_flag=True, help="Send even if the state shows the prefix as warm.")
@state_option("Keep the warm state in this file instead of the table PREFIXWARM_TABLE.")
@click.option(
    "--timeout", type=click.FloatRange(1, 600), default=60, show_default=True, help="Seconds."
)
@aws_deployment
@wide_option
@json_option
def warm(
    files: tuple[Path, ...],
    dry_run: bool,
    force: bool,
    state_file: Path | None,
    timeout: float,
    wide: bool,
    as_json: bool,
) -> None:
    """Make one warm call now.

    Reads the key from the environment (ANTHROPIC_API_KEY) or from PREFIXWARM_API_KEY_SECRET. Skips
    a prefix that is already warm by the state. Exits 1 when a prefix is not warm afterwards.
    """
    if isnan(timeout):
        raise UsageError("--timeout nan: give seconds")
    prefixes = [load(path) for path in prefix_files(files)]
    calls = [compile_prefix(prefix) for prefix in prefixes]
    with connect() as connections:
        if dry_run:
            previews = [_preview(call, connections.environ) for call in calls]
            emit({"calls": previews}, as_json, lambda: _show_plans(previews, prefixes, wide))
            return
        if connections.settings.disabled:
            raise SettingsError(f"{DISABLED} is set: nothing is sent")
        store, provider = state_in(state_file, connections), connections.provider
        with progress("waiting for the provider"):
            outcomes = [
                _warmed(call, _options(call, connections, force), store, provider, timeout)
                for call in calls
            ]
    document = {"outcomes": [_document(outcome) for outcome in outcomes]}
    emit(document, as_json, lambda: show(outcomes, wide))
    finish(ok=all(outcome.ok for outcome in outcomes))


def _warmed(
    call: WarmCall, options: CallOptions, store: StateStore, provider: Provider, timeout: float
) -> Outcome:
    deadline, wait = Deadline.after(timeout), Deadline.after(_WAIT)
    attempt = acquire_in_turn(call, options, store, deadline, wait=wait)
    if attempt.granted:
        attempt.send(provider)
        attempt.record()
    return attempt.outcome


def _options(call: WarmCall, connections: Connections, force: bool) -> CallOptions:
    until_refresh_is_due = time() + call.ttl - refresh_after(call.ttl)
    return CallOptions(
        key=call.key(connections.settings.cache_scope, connections.environ),
        owner=f"cli/{socket.gethostname()}/{os.getpid()}",
        needed_until=_FOREVER if force else until_refresh_is_due,
        by="cli",
        deployment=connections.settings.deployment,
    )


def _preview(call: WarmCall, environ: Mapping[str, str]) -> dict[str, Any]:
    size = call.tokens or 0
    write, output = {"write_1h" if call.ttl == TTL_1H else "write_5m": size}, call.least_tokens
    return {
        "name": call.name,
        "url": route_named(call.route).url(call.model, environ),
        "model": call.model,
        "headers": call.headers,
        "bytes": len(call.body),
        "tokens": call.tokens,
        "ttl_seconds": call.ttl,
        "write_usd": Usage(**write, output=output).cost_usd(call.usd_per_mtok),
        "read_usd": Usage(read=size, output=output).cost_usd(call.usd_per_mtok),
    }


def _show_plans(
    previews: Sequence[dict[str, Any]], prefixes: Sequence[PrefixFile], wide: bool
) -> None:
    table(
        [
            {
                "PREFIX": preview["name"],
                "TO": preview["url"],
                "BYTES": f"{preview['bytes']:,}",
                "TOKENS": tokens(preview["tokens"], estimated=not prefix.tokens.get("counted")),
                "IF COLD": dollars(preview["write_usd"]),
                "IF WARM": dollars(preview["read_usd"]),
            }
            for preview, prefix in zip(previews, prefixes, strict=True)
        ],
        optional=(("BYTES",),),
        wide=wide,
    )


def _document(outcome: Outcome) -> dict[str, Any]:
    document = dict(vars(outcome))
    document["usage"] = dict(vars(outcome.usage)) if outcome.usage else None
    return {**document, "ok": outcome.ok}


def show(outcomes: Sequence[Outcome], wide: bool) -> None:
    table(
        [
            {
                "PREFIX": outcome.name,
                "OUTCOME": outcome.kind,
                "READ": tokens(outcome.usage.read) if outcome.usage else "-",
                "WRITTEN": tokens(outcome.usage.written) if outcome.usage else "-",
                "TTL": outcome.granted_ttl or "-",
                "SECONDS": f"{outcome.seconds:.2f}",
                "COST": dollars(outcome.cost_usd if outcome.calls else 0.0),
                "WHY": outcome.reason,
            }
            for outcome in outcomes
        ],
        optional=(("SECONDS",), ("TTL",)),
        wide=wide,
    )
