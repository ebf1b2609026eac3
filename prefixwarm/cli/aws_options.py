"""Options of commands that call AWS: account, region and deployment."""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from prefixwarm.cli.progress import progress
from prefixwarm.errors import UsageError
from prefixwarm.settings import CACHE_SCOPE, DEPLOYMENT, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

P = ParamSpec("P")
R = TypeVar("R")

_PROFILE = click.option("--profile", help="AWS profile to use.  [env: AWS_PROFILE]")
_REGION = click.option("--region", help="AWS region.  [env: AWS_REGION, or the profile's]")
_TABLE = click.option("--table", help="Table of the warm state.  [env: PREFIXWARM_TABLE]")
_STACK = click.option("--stack", help="CloudFormation stack of the deployment, for its table.")


def aws_account(command: Callable[P, R]) -> Callable[..., R]:
    """Give a command `--profile` and `--region`."""
    return _PROFILE(_REGION(_in_account(command)))


def aws_profile_option(command: Callable[P, R]) -> Callable[..., R]:
    """Give a command that names its regions itself `--profile`."""
    return _PROFILE(_in_account(command))


def _in_account(command: Callable[P, R]) -> Callable[..., R]:
    @functools.wraps(command)
    def wrapped(*args: Any, profile: str | None, region: str | None = None, **options: Any) -> R:
        with _environment(_account(profile, region)):
            return command(*args, **options)

    return wrapped


def aws_deployment(command: Callable[P, R]) -> Callable[..., R]:
    """Give a command `--profile`, `--region`, and the table by `--table` or `--stack`."""

    @aws_account
    @_STACK
    @_TABLE
    @functools.wraps(command)
    def wrapped(*args: Any, table: str | None, stack: str | None, **options: Any) -> R:
        if table and stack:
            raise UsageError("--table and --stack: give only one")
        named = {TABLE: table} if table else _deployed(stack) if stack else {}
        with _environment(named):
            return command(*args, **options)

    return wrapped


def _account(profile: str | None, region: str | None) -> dict[str, str]:
    """Variables for both AWS clients: ours and boto3 read the region from different ones."""
    regions = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), region) if region else {}
    return {**regions, **({"AWS_PROFILE": profile} if profile else {})}


def _deployed(stack: str) -> dict[str, str]:
    """The deployment's settings, read from the stack's keep-warm function."""
    from prefixwarm.attach.deployed import keep_warm_function, open_session

    with progress(f"looking up the stack {stack}"):
        variables = keep_warm_function(stack, open_session()).environment
    return {name: variables[name] for name in (TABLE, CACHE_SCOPE, DEPLOYMENT) if name in variables}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables while the command runs.

    A named profile wins over keys in the environment, as with the AWS CLI.
    """
    dropped = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    names = {*variables, *(dropped if "AWS_PROFILE" in variables else ())}
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
