"""`prefixwarm warm`: one warm call now."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli import aws
from prefixwarm.cli.output import dollars, emit, finish, json_option, table, tokens
from prefixwarm.cli.state import aws_client, open_state
from prefixwarm.core.deadline import Deadline
from prefixwarm.core.errors import SettingsError
from prefixwarm.core.http import HttpTransport
from prefixwarm.core.outcome import Outcome, Usage
from prefixwarm.core.prefix_file import load
from prefixwarm.core.provider import Provider
from prefixwarm.core.routes import route_named
from prefixwarm.core.settings import DISABLED, Settings
from prefixwarm.core.warm import Ask, refresh_after
from prefixwarm.core.warm import warm as ask_and_send
from prefixwarm.core.warm_call import compile_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.core.seams import StateStore
    from prefixwarm.core.warm_call import WarmCall

__all__ = ["warm"]

_FOREVER = 4e9


@click.command(epilog="Example: prefixwarm warm support.prefix.json --dry-run")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option("--dry-run", is_flag=True, help="Show what would be sent and cost; send nothing.")
@click.option("--force", is_flag=True, help="Send even where the state says that it is warm.")
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the warm state in this file instead of the table PREFIXWARM_TABLE.",
)
@click.option(
    "--timeout", type=click.FloatRange(1, 600), default=60, show_default=True, help="Seconds."
)
@json_option
def warm(
    files: tuple[Path, ...],
    dry_run: bool,
    force: bool,
    state_file: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Make one warm call now.

    The key comes from the environment (ANTHROPIC_API_KEY) or from PREFIXWARM_API_KEY_SECRET. A
    prefix that the state knows to be warm is left alone. Exits 1 when a prefix is not warm
    afterwards.
    """
    calls = [compile_prefix(load(path)) for path in files]
    environ = aws.located()
    settings = Settings.from_environment(environ)
    if dry_run:
        plans = [_plan(call, environ) for call in calls]
        emit({"calls": plans}, as_json, lambda: _show_plans(plans))
        return
    if settings.disabled:
        raise SettingsError(f"{DISABLED} is set: nothing is sent")
    client = aws_client(environ)
    store = open_state(state_file, settings, client)
    provider = Provider(HttpTransport(), client, settings.api_key_secret, environ)
    outcomes = [
        _warm(call, store, provider, settings, environ, Deadline.after(timeout), force)
        for call in calls
    ]
    emit({"outcomes": [_document(o) for o in outcomes]}, as_json, lambda: _show(outcomes))
    finish(ok=all(outcome.ok for outcome in outcomes))


def _warm(
    call: WarmCall,
    store: StateStore,
    provider: Provider,
    settings: Settings,
    environ: Mapping[str, str],
    deadline: Deadline,
    force: bool,
) -> Outcome:
    still_fresh = time() + call.ttl - refresh_after(call.ttl)
    ask = Ask(
        key=call.key(route_named(call.route), settings.cache_scope, environ),
        owner=f"cli/{socket.gethostname()}/{os.getpid()}",
        needed_until=_FOREVER if force else still_fresh,
        wait=deadline,
        deployment=settings.deployment,
    )
    return ask_and_send(call, ask, store, provider, deadline)


def _plan(call: WarmCall, environ: Mapping[str, str]) -> dict[str, Any]:
    size = call.tokens or 0
    write = {"write_1h" if call.ttl == 3600 else "write_5m": size}
    return {
        "name": call.name,
        "url": route_named(call.route).url(call.model, environ),
        "model": call.model,
        "headers": call.headers,
        "bytes": len(call.body),
        "tokens": call.tokens,
        "ttl_seconds": call.ttl,
        "write_usd": Usage(**write).cost_usd(call.usd_per_mtok),
        "read_usd": Usage(read=size).cost_usd(call.usd_per_mtok),
    }


def _show_plans(plans: Sequence[dict[str, Any]]) -> None:
    table(
        ("PREFIX", "TO", "BYTES", "TOKENS", "IF COLD", "IF WARM"),
        [
            (
                plan["name"],
                plan["url"],
                f"{plan['bytes']:,}",
                tokens(plan["tokens"]),
                dollars(plan["write_usd"]),
                dollars(plan["read_usd"]),
            )
            for plan in plans
        ],
    )


def _document(outcome: Outcome) -> dict[str, Any]:
    found = dict(vars(outcome))
    found["usage"] = dict(vars(outcome.usage)) if outcome.usage else None
    return {**found, "ok": outcome.ok}


def _show(outcomes: Sequence[Outcome]) -> None:
    table(
        ("PREFIX", "OUTCOME", "READ", "WRITTEN", "TTL", "SECONDS", "COST", "WHY"),
        [
            (
                outcome.name,
                outcome.kind,
                tokens(outcome.usage.read) if outcome.usage else "-",
                tokens(outcome.usage.written) if outcome.usage else "-",
                outcome.granted_ttl or "-",
                f"{outcome.seconds:.2f}",
                dollars(outcome.cost_usd) if outcome.calls else "$0",
                outcome.reason,
            )
            for outcome in outcomes
        ],
    )
