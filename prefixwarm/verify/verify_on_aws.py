"""`scripts/verify-on-aws`: measures in a real account what the local cloud cannot show."""

from __future__ import annotations

import math
import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars
from prefixwarm.attach.deployed import open_session
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.command_group import run
from prefixwarm.cli.local_run import handling, progress_notes
from prefixwarm.cli.output import emit, finish, json_option, line, note, table
from prefixwarm.verify.cloud.aws_access import AwsAccess
from prefixwarm.verify.cloud.probe_functions import code_for
from prefixwarm.verify.cloud.removal import Removal
from prefixwarm.verify.cloud.run_name import RunName
from prefixwarm.verify.cloud.runtime_file_systems import PROGRAMS
from prefixwarm.verify.cloud.runtime_file_systems import RUNTIMES as ALL_RUNTIMES
from prefixwarm.verify.cloud.verification import Verification
from prefixwarm.verify.cloud.verification_plan import (
    OBSERVATIONS,
    PARTS,
    RUNTIMES,
    SHUTDOWN,
    SNAPSTART,
    STARTS,
    VerificationPlan,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = {"help_option_names": ["-h", "--help"]}


@click.command(
    epilog="Example: scripts/verify-on-aws --profile sandbox --region eu-west-1",
    context_settings=_OPTIONS,
)
@click.option("--yes", is_flag=True, help="Do not ask before anything is made.")
@click.option("--starts", type=click.IntRange(1, 100), default=25, show_default=True)
@click.option("--questions", type=click.IntRange(1, 10), default=4, show_default=True)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="A part; repeatable.")
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    metavar="RUNTIME",
    help="Show the file system of this one; repeatable.  [default: all]",
)
@click.option("--python", default="3.13", show_default=True, help="Of the example's functions.")
@click.option(
    "--key-secret", metavar="ARN", help="Make real model calls with the API key in this secret."
)
@click.option("--base-url", metavar="URL", help="A provider to call instead of the stub.")
@click.option("--remove", metavar="NAME", help="Remove what an earlier run has left, and no more.")
@aws_account
@json_option
def verify_on_aws(
    yes: bool, only: tuple[str, ...], remove: str | None, as_json: bool, **options: Any
) -> None:
    """Measure in the account of the current profile what the local cloud cannot show.

    Deploys the example beside a copy without the layer, forces cold starts of both, and makes a
    function for each runtime that says what its file system has. Shows account, region and cost
    first, and removes everything in the end, also after a failure or an interrupt. No model is
    called without --key-secret: a function answers in the provider's place.
    """
    if remove is not None:
        name = RunName.parse(remove)
        with closing(AwsAccess(open_session())) as access:
            finish(ok=_removed(access, name))
    plan = _plan(only, **options)
    with closing(AwsAccess(open_session())) as access:
        name = RunName.new()
        _announce(access, name, plan)
        if not yes:
            click.confirm("Go on?", abort=True, err=True)
        verification = _verified(access, name, plan)
    emit(_document(verification), as_json, lambda: _show(verification))
    finish(ok=not verification.problems and not verification.left)


def _plan(only: tuple[str, ...], runtimes: tuple[str, ...], **options: Any) -> VerificationPlan:
    """What is to be done; refuses what cannot be, before anything is reached."""
    for runtime in runtimes:
        code_for(runtime)
    plan = VerificationPlan(parts=only or PARTS, runtimes=runtimes or ALL_RUNTIMES, **options)
    plan.check()
    return plan


def _announce(access: AwsAccess, name: RunName, plan: VerificationPlan) -> None:
    """What will be done where, and what it costs, before anything is made."""
    total = plan.check()
    note(f"account {access.account}, region {access.region}, as {access.caller}")
    note(f"makes what begins with {name.text}, and removes it: {', '.join(plan.parts)}")
    for what, usd in plan.charges().items():
        note(f"  {what}: at most {_rounded_up(usd)}")
    calls = "with real model calls" if plan.key_secret else "no model is called"
    note(f"at most {_rounded_up(total)} in all; {calls}")


def _rounded_up(usd: float) -> str:
    """An upper bound stays one: in hundredths of a cent."""
    return dollars(math.ceil(usd * 10_000) / 10_000)


def _verified(access: AwsAccess, name: RunName, plan: VerificationPlan) -> Verification:
    verification = Verification(access, name, plan, progress_notes())
    with handling(signal.SIGTERM, _interrupt):
        try:
            verification.run()
        finally:
            # What stands in the account costs something: nothing keeps it from being removed.
            with (
                handling(signal.SIGINT, _is_removing),
                handling(signal.SIGTERM, _is_removing),
            ):
                verification.remove()
                _say_left(name, verification.left)
    return verification


def _removed(access: AwsAccess, name: RunName) -> bool:
    removal = Removal(access, name, note)
    removal.run()
    _say_left(name, removal.left)
    return not removal.left


def _say_left(name: RunName, left: list[str]) -> None:
    for text in left:
        note(f"not removed: {text}")
    if left:
        note(f"try again: scripts/verify-on-aws --remove {name.text}")
    else:
        note(f"nothing of {name.text} is left")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _is_removing(*_: object) -> None:
    note("still removing what was made")


def _document(verification: Verification) -> dict[str, Any]:
    access = verification.access
    return {
        "account": access.account,
        "region": access.region,
        "name": verification.name.text,
        "cost_usd_at_most": round(verification.plan.check(), 4),
        "results": verification.results,
        "problems": verification.problems,
        "left": verification.left,
    }


def _show(verification: Verification) -> None:
    for part, result in verification.results.items():
        line("")
        _SHOWN[part](result)
    for part, problem in verification.problems.items():
        line(f"{part}: failed: {problem}")


def _show_starts(result: dict[str, Any]) -> None:
    line(f"Init Duration of {result['pairs']} pairs of cold starts, milliseconds")
    rows = [{"": f"{name} the layer", **shares} for name, shares in result["init_ms"].items()]
    rows[-1][""] = "added, pair by pair"
    table(rows, wide=True)
    for outcome, count in result["outcomes"].items():
        line(f"the layer logged {count} times: {outcome}")
    if result["skipped_pairs"]:
        line(f"{result['skipped_pairs']} pairs did not start cold and do not count")


def _show_observations(result: dict[str, Any]) -> None:
    line(f"observations: {result['arrived']} of {result['sent']} requests arrived in the table")


def _show_runtimes(result: list[dict[str, Any]]) -> None:
    line("what an extension has in each runtime's file system")
    rows = [{"RUNTIME": row["runtime"], **_programs(row)} for row in result]
    table(rows, wide=True)


def _programs(row: dict[str, Any]) -> dict[str, str]:
    """What the row says of each program; the first column has why there is nothing to say."""
    columns = [name.upper() for name in PROGRAMS]
    if "problem" in row:
        return {**dict.fromkeys(columns, ""), columns[0]: row["problem"]}
    return {column: row[column.lower()] or "-" for column in columns}


def _show_snapstart(result: dict[str, Any]) -> None:
    restores = ", ".join(f"{ms:.0f} ms" for ms in result["restore_ms"])
    line(f"SnapStart, {result['starts']} starts: restored in {restores or 'no REPORT line says'}")
    line(f"the layer's hook after the restore: {'; '.join(result['hook']) or 'it did not run'}")


def _show_shutdown(result: dict[str, Any]) -> None:
    events = ", ".join(result["events"]) or "none"
    line(f"how an environment ends for an extension: SHUTDOWN events: {events}")
    line(f"signals that its process saw: {', '.join(result['signals']) or 'none'}")


_SHOWN: dict[str, Callable[[Any], None]] = {
    STARTS: _show_starts,
    OBSERVATIONS: _show_observations,
    RUNTIMES: _show_runtimes,
    SNAPSTART: _show_snapstart,
    SHUTDOWN: _show_shutdown,
}


def main() -> int:
    """Run the command line and return its exit code."""
    return run(sys.argv[1:], verify_on_aws, "verify-on-aws")


if __name__ == "__main__":
    sys.exit(main())
