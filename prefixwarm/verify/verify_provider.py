"""`scripts/verify-provider`: asks the model provider what its documentation leaves open."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prefixwarm.amounts import dollars
from prefixwarm.cli import aws_profile
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.command_group import run
from prefixwarm.cli.output import emit, finish, json_option, json_text, line, note, table
from prefixwarm.errors import UsageError
from prefixwarm.provider.routes import AWS_WORKSPACE_ID, route_named
from prefixwarm.verify.provider_questions.provider_caller import Caller, Clock
from prefixwarm.verify.provider_questions.provider_report import (
    AGREES,
    NOT_ASKED,
    ReportRow,
    document,
    switch_text,
)
from prefixwarm.verify.provider_questions.question import MESSAGES_ROUTES
from prefixwarm.verify.provider_questions.question_run import QuestionRun
from prefixwarm.verify.provider_questions.rehearsal import rehearse
from prefixwarm.verify.provider_questions.spending import Spending
from prefixwarm.warm.connections import connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The cheapest model of the newest generation, as each route spells it.
_MODELS = {
    "anthropic": "claude-haiku-5-5",
    "aws": "claude-haiku-5-5",
    "bedrock-mantle": "anthropic.claude-haiku-5-5",
    "bedrock": "global.anthropic.claude-haiku-5-5",
}
SECOND_KEY = "VERIFY_SECOND_API_KEY"
SECOND_WORKSPACE = "VERIFY_SECOND_WORKSPACE_ID"
CLOCK = Clock(time.monotonic, time.sleep)
_CAP = Decimal("0.50")


@click.command(
    epilog="Example: scripts/verify-provider --slow --out provider.json",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--route", type=click.Choice(MESSAGES_ROUTES), default="anthropic", show_default=True)
@click.option("--model", help="Model to ask, as the route spells it.  [default: Haiku 5.5]")
@click.option("--slow", is_flag=True, help="Also wait for entries to end: eight minutes.")
@click.option("--cap", "cap_text", default=str(_CAP), show_default=True, metavar="USD")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the JSON here, for `prefixwarm simulator --switches`.",
)
@aws_account
@json_option
def verify_provider(
    route: str, model: str | None, slow: bool, cap_text: str, out: Path | None, as_json: bool
) -> None:
    """Ask the model provider one question for each switch of the simulator.

    Makes real calls, with ANTHROPIC_API_KEY or, on the other routes, what the SDKs take: an API key
    or AWS credentials. Says first what that costs, and sends nothing that might pass --cap. A key
    of another workspace in VERIFY_SECOND_API_KEY (on the route aws its id in
    VERIFY_SECOND_WORKSPACE_ID) answers whether workspaces share entries. Exits 1 where the
    provider differs from what the simulator assumes, or a question stays open.
    """
    cap = _amount(cap_text)
    environ = aws_profile.located()
    with _connected(route, model or _MODELS[route], cap, environ) as caller:
        _announce(caller, slow=slow)
        try:
            asked = QuestionRun(caller, slow=slow, progress=note).all()
        except BaseException:
            note(f"ended early; spent {dollars(float(caller.spending.spent))}")
            raise
    rows = [ReportRow.of(one) for one in asked]
    result = document(rows, caller)
    if out is not None:
        out.write_text(json_text(result) + "\n", encoding="utf-8")
    emit(result, as_json, lambda: _show(rows, caller))
    settled = all(row.result in (AGREES, NOT_ASKED) for row in rows)
    finish(ok=settled and not caller.spending.is_over)


def _connected(route: str, model: str, cap: Decimal, environ: Mapping[str, str]) -> closing[Caller]:
    spending = Spending(cap, model, route)
    credentials = aws_profile.credentials(environ)
    environs = (environ, *_second(environ, route))
    connections = [connect(own, credentials=credentials) for own in environs]
    return closing(Caller(route, model, connections, spending, CLOCK))


def _second(environ: Mapping[str, str], route: str) -> Sequence[Mapping[str, str]]:
    """The environment of the second workspace, where one is named."""
    names = {
        "anthropic": (SECOND_KEY, route_named(route).key_variables[0]),
        "aws": (SECOND_WORKSPACE, AWS_WORKSPACE_ID),
    }
    source, target = names.get(route, ("", ""))
    value = environ.get(source)
    return [{**environ, target: value}] if value else []


def _announce(caller: Caller, *, slow: bool) -> None:
    """Say what will be spent, before anything is."""
    _, usd = rehearse(caller.route, caller.model, slow=slow, second=caller.has_second)
    cap = caller.spending.cap
    cost = f"about {dollars(float(usd))}, at most {dollars(float(cap))}"
    time_text = "eight minutes" if slow else "a minute"
    note(f"asks {caller.model} on the route {caller.route}: {cost}; takes {time_text}")
    if usd > cap:
        raise UsageError(
            f"--cap {cap}: the questions cost about {dollars(float(usd))}; raise it, or choose a "
            "cheaper --model"
        )


def _amount(text: str) -> Decimal:
    try:
        cap = Decimal(text)
    except InvalidOperation:
        cap = Decimal("NaN")
    if not (cap.is_finite() and cap > 0):
        raise UsageError(f"--cap {text}: write US dollars, above 0")
    return cap


def _show(rows: Sequence[ReportRow], caller: Caller) -> None:
    table(
        [
            {
                "SWITCH": row.switch,
                "ASSUMED": switch_text(row.assumed),
                "RESULT": row.result,
                "THE PROVIDER": row.did,
            }
            for row in rows
        ],
        wide=True,
    )
    if changes := [row.to_set for row in rows if row.to_set]:
        line("to simulate this provider: prefixwarm simulator ", " ".join(changes))
    unasked = sum(row.result == NOT_ASKED for row in rows)
    spent = dollars(float(caller.spending.spent))
    line(f"spent {spent}; {len(rows) - unasked} of {len(rows)} questions asked")


def main() -> int:
    """Run the command line and return its exit code."""
    return run(sys.argv[1:], verify_provider, "verify-provider")


if __name__ == "__main__":
    sys.exit(main())
