"""`prefixwarm doctor`: check this machine and a deployment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from prefixwarm.attach.deployed import chosen_keep_warm_function, open_session
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.connections import connect
from prefixwarm.cli.output import Styled, emit, finish, json_option, line, severity
from prefixwarm.cli.progress import progress
from prefixwarm.cli.status import every_state
from prefixwarm.doctor.aws_account import Account
from prefixwarm.doctor.deployed_parts import Deployment
from prefixwarm.doctor.diagnosis import error, unknown
from prefixwarm.doctor.machine import machine
from prefixwarm.errors import PrefixwarmError, UsageError
from prefixwarm.prefix.prefix_file import load, prefix_files
from prefixwarm.settings import TABLE
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.attach.deployed import KeepWarmConfiguration
    from prefixwarm.doctor.diagnosis import Diagnosis
    from prefixwarm.state.warm_state import State


@click.command(epilog="Example: prefixwarm doctor --stack Shop support.prefix.json")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--stack", help="CloudFormation stack of the deployment.")
@click.option("--keep-warm", help="Name or ARN of its keep-warm function, instead of a stack.")
@aws_account
@json_option
def doctor(
    files: tuple[Path, ...], stack: str | None, keep_warm: str | None, as_json: bool
) -> None:
    """Check this machine and a deployment, and show how to fix each problem.

    Checks this machine and the CDK app in this folder; with --stack or --keep-warm also the account
    and the deployment. Compares prefix files with the deployed ones. Exits 1 on an error.
    """
    if stack and keep_warm:
        raise UsageError("--stack and --keep-warm: give only one")
    with progress("checking this machine" + (" and AWS" if stack or keep_warm else "")):
        diagnoses = list(_diagnoses(files, stack, keep_warm))
    document = {"checks": [asdict(one) for one in diagnoses]}
    emit(document, as_json, lambda: _show(diagnoses))
    finish(ok=all(one.level != "error" for one in diagnoses))


def _diagnoses(
    paths: Sequence[Path], stack: str | None, keep_warm: str | None
) -> Iterator[Diagnosis]:
    files = [load(path) for path in prefix_files(paths)]
    yield from machine(Path())
    if not stack and not keep_warm:
        yield unknown("deployment", "not checked", "give --stack or --keep-warm")
        return
    session = open_session()
    account = Account(session)
    yield from account.diagnoses()
    if not account.reached:
        return
    try:
        function = chosen_keep_warm_function(stack, keep_warm, session)
        states = _states(function)
    except PrefixwarmError as problem:
        yield error("deployment", str(problem), "give the stack that contains the PrefixWarmer")
        return
    yield from Deployment(function, session, states, time()).diagnoses(files)


def _states(function: KeepWarmConfiguration) -> list[State]:
    """The states in its table; none if it cannot be read, which another check reports."""
    try:
        with connect() as connections:
            table = function.environment.get(TABLE, "")
            return every_state(StateStore(table, signed_calls(connections.aws)))
    except PrefixwarmError:
        return []


def _show(diagnoses: Sequence[Diagnosis]) -> None:
    plain = {"ok": Styled("ok"), "unknown": Styled("?")}
    for one in diagnoses:
        level = plain.get(one.level) or severity(one.level)
        line(level, f"  {one.check}: {one.detail}")
        if one.remedy:
            line(f"         {one.remedy}")
