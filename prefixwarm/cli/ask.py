"""`prefixwarm ask`: ask the deployed keep-warm function for a warm call."""

from __future__ import annotations

from dataclasses import asdict
from time import time
from typing import TYPE_CHECKING

import click

from prefixwarm.amounts import dollars
from prefixwarm.attach.deployed import keep_warm_function, open_session
from prefixwarm.cli import describe
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.output import emit, finish, json_option, line, table, wide_option
from prefixwarm.cli.progress import progress
from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.ask_event import NEEDED_SECONDS
from prefixwarm.library.asking import ask as ask_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.library.asking import AskOutcome


@click.command(epilog="Example: prefixwarm ask support --stack Shop")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--stack", help="CloudFormation stack that the keep-warm function is in.")
@click.option("--function", help="Name or ARN of the keep-warm function [env: PREFIXWARM_ASK].")
@click.option("--no-wait", is_flag=True, help="Do not wait for the outcome.")
@click.option(
    "--needed-for",
    type=float,
    default=NEEDED_SECONDS,
    show_default=True,
    help="Send nothing for an entry that lives longer than this. Seconds.",
)
@aws_account
@wide_option
@json_option
def ask(
    names: tuple[str, ...],
    stack: str | None,
    function: str | None,
    no_wait: bool,
    needed_for: float,
    wide: bool,
    as_json: bool,
) -> None:
    """Ask the deployed keep-warm function for a warm call.

    The function applies its own lease, budget and back-off, and skips prefixes that are warm. Exits
    1 when a prefix is not warm afterwards.
    """
    if stack and function:
        raise UsageError("--stack and --function: give only one")
    if stack:
        function = keep_warm_function(stack, open_session()).arn
    with progress("asking the keep-warm function"):
        outcomes = ask_function(
            *names, function=function, wait=not no_wait, needed_for_seconds=needed_for
        )
    document = {"outcomes": [asdict(outcome) for outcome in outcomes]}
    emit(document, as_json, lambda: show(outcomes, no_wait, wide))
    finish(ok=all(outcome.warm for outcome in outcomes))


def show(outcomes: Sequence[AskOutcome], no_wait: bool, wide: bool) -> None:
    if no_wait:
        line("asked; the outcome will be in the keep-warm function's log")
        return
    now = time()
    rows = [
        {
            "PREFIX": outcome.name,
            "OUTCOME": outcome.outcome,
            "LEFT": describe.span(outcome.warm_until - now) if outcome.warm_until else "-",
            "COST": dollars(outcome.cost_usd),
            "WHY": outcome.reason,
        }
        for outcome in outcomes
    ]
    table(rows, wide=wide)
