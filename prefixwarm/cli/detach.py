"""`prefixwarm detach`: removes what `prefixwarm attach` added."""

from __future__ import annotations

import click

from prefixwarm.attach.agent_function import region_of
from prefixwarm.attach.deployed import open_session
from prefixwarm.attach.detaching import Detachment, detachment
from prefixwarm.attach.steps import policy_name
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.output import emit, json_option, line
from prefixwarm.cli.progress import progress


@click.command(epilog="Example: prefixwarm detach shop-agent --dry-run")
@click.argument("function")
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@aws_account
@json_option
def detach(function: str, dry_run: bool, as_json: bool) -> None:
    """Remove what `prefixwarm attach` added, and nothing else."""
    session = open_session(region_of(function))
    with progress("reading the function"):
        planned = detachment(function, session)
    if not as_json:
        _show(planned)
    if not dry_run:
        with progress("changing the function"):
            planned.apply(session)
    document = {
        "function": planned.function.name,
        "role": planned.role,
        "removed_variables": list(planned.variables),
        "removed_layers": list(planned.layers),
        "done": not dry_run,
    }
    end = "nothing was changed" if dry_run else f"{planned.function.name} is detached"
    emit(document, as_json, lambda: line(end))


def _show(planned: Detachment) -> None:
    for layer in planned.layers:
        line(f"- layer {layer}")
    for name in planned.variables:
        line(f"- {name}")
    line(f"- role {planned.role}: policy {policy_name(planned.function.name)}")
