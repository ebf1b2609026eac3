"""AWS credentials on the developer's machine: from the environment, or a profile through boto3."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.errors import CredentialsError
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import boto3

    from prefixwarm.wire.deadline import Deadline


_OWN = ("AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def located(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment, with the profile's region if it has none.

    Raises
    ------
    CredentialsError
        If the profile does not exist.
    """
    variables = dict(os.environ if environ is None else environ)
    named = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if not named and ("AWS_PROFILE" in variables or _has_profiles(variables)):
        with _botocore_errors():
            region = _session().region_name
        variables |= {"AWS_REGION": region} if region else {}
    return variables


def _has_profiles(environ: Mapping[str, str]) -> bool:
    """Whether there is an AWS configuration, so that its default profile applies."""
    own = environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    return Path(own).expanduser().is_file()


def credentials(environ: Mapping[str, str]) -> Callable[[Deadline], AwsCredentials]:
    """Return a function that loads AWS credentials on first use.

    Raises
    ------
    CredentialsError
        From the returned function, if there are none.
    """
    if any(environ.get(name) for name in _OWN):
        return aws_credentials(environ, HttpTransport())
    return _from_profile


def _from_profile(deadline: Deadline) -> AwsCredentials:  # noqa: ARG001 - as `aws_credentials` is called
    with _botocore_errors():
        session_credentials = _session().get_credentials()
        keys = session_credentials.get_frozen_credentials() if session_credentials else None
    if keys is None or not (keys.access_key and keys.secret_key):
        raise CredentialsError("no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID")
    return AwsCredentials(
        access_key=keys.access_key, secret_key=keys.secret_key, token=keys.token or None
    )


def _session() -> boto3.Session:
    import boto3

    return boto3.Session()


@contextmanager
def _botocore_errors() -> Iterator[None]:
    """Turn a broken or expired profile into a one-line error."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        raise CredentialsError(f"AWS: {error}") from error
