"""`prefixwarm attach`: add the layer to an existing function."""

from __future__ import annotations

from typing import Any

import click

from prefixwarm import settings
from prefixwarm.attach.agent_function import region_of
from prefixwarm.attach.attaching import Attachment, attachment
from prefixwarm.attach.deployed import chosen_keep_warm_function, open_session
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.output import emit, json_option, line, note
from prefixwarm.cli.progress import progress
from prefixwarm.errors import UsageError

# The setting behind each option.
_SETTINGS = {
    "init": settings.INIT,
    "init_hint": settings.INIT_HINT_MS,
    "init_hold": settings.INIT_HOLD_MS,
    "gate": settings.GATE_MS,
    "init_usd_per_week": settings.INIT_USD_PER_WEEK,
    "first": settings.FIRST,
}


@click.command(epilog="Example: prefixwarm attach shop-agent --stack Warmer --dry-run")
@click.argument("function")
@click.option("--stack", help="CloudFormation stack of the keep-warm function.")
@click.option("--keep-warm", help="Name or ARN of the keep-warm function, instead of a stack.")
@click.option(
    "--prefix", "prefixes", multiple=True, help="A prefix that the function sends; by default all."
)
@click.option(
    "--init",
    type=click.Choice(settings.INIT_MODES),
    help="Whether starts warm during the init phase.",
)
@click.option("--init-hint", type=int, help="Duration of the function's own init. Milliseconds.")
@click.option("--init-hold", type=int, help="Longest that a start is held. Milliseconds.")
@click.option("--gate", type=int, help="Longest that the first model call waits. Milliseconds.")
@click.option(
    "--init-usd-per-week", type=float, help="Most that starts may spend unobserved. US dollars."
)
@click.option("--first", help="The prefix that starts warm until use of one is observed.")
@click.option(
    "--observe",
    type=click.Choice(["on", "auto", "off"]),
    default="on",
    help="on: put prefixwarm.observe into the layer; auto: also switch it on; off: leave it out.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@aws_account
@json_option
def attach(
    function: str,
    stack: str | None,
    keep_warm: str | None,
    prefixes: tuple[str, ...],
    observe: str,
    dry_run: bool,
    as_json: bool,
    **own: str | float | None,
) -> None:
    """Attach the layer to an existing function.

    Adds the layer, the settings and the minimum permissions; `detach` removes them. Refuses what
    the construct refuses. Run it again to update the function.
    """
    if bool(stack) == bool(keep_warm):
        raise UsageError("give --stack, or --keep-warm if there is no stack")
    session = open_session(region_of(function))
    with progress("reading the function and building its layer"):
        planned = attachment(
            function,
            chosen_keep_warm_function(stack, keep_warm, session),
            session,
            prefixes=prefixes,
            observe=observe,
            own={_SETTINGS[name]: f"{value}" for name, value in own.items() if value is not None},
        )
    for warning in planned.warnings:
        note(f"prefixwarm: warning: {planned.function.name}: {warning}")
    document = _document(planned)
    if not as_json:
        _show(planned, document)
    if not dry_run:
        with progress("changing the function"):
            planned.apply(session)
    name = planned.function.name
    attached = f"{name} is attached; versions published from now on carry the layer"
    end = "nothing was changed" if dry_run else attached
    emit({**document, "done": not dry_run}, as_json, lambda: line(end))


def _document(planned: Attachment) -> dict[str, Any]:
    return {
        "function": planned.function.name,
        "role": planned.function.role,
        "prefixes": list(planned.prefixes),
        "layer_changes": planned.code is not None,
        "variables": dict(planned.variables),
        "removed_variables": list(planned.removed),
        "policy": planned.policy,
        "warnings": list(planned.warnings),
    }


def _show(planned: Attachment, document: dict[str, Any]) -> None:
    """Print the change line by line."""
    if planned.code is not None:
        names = ", ".join(planned.prefixes)
        line(f"+ layer with {names}: {len(planned.code):,} bytes")
    for name, value in planned.variables.items():
        line(f"+ {name}={value}")
    for name in planned.removed:
        line(f"- {name}")
    for statement in document["policy"]["Statement"]:
        actions, resources = ", ".join(statement["Action"]), ", ".join(statement["Resource"])
        limits = ", with conditions" if "Condition" in statement else ""
        line(f"+ role {planned.function.role}: {actions} on {resources}{limits}")
