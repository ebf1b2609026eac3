"""What AWS refuses, as errors of one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from prefixwarm.errors import CredentialsError, DeploymentError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


# Of what does not exist: Lambda, IAM, CloudFormation, Secrets Manager.
_MISSING = ("ResourceNotFoundException", "NoSuchEntity")


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn what boto3 raises into one line that begins with what was being done.

    Raises
    ------
    UsageError
        When what was named is not there.
    CredentialsError
        When there are no credentials, or no region.
    DeploymentError
        When AWS refuses, or cannot be reached.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ProfileNotFound,
    )

    try:
        yield
    except (NoCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise CredentialsError(f"AWS: {error}") from error
    except ClientError as error:
        kind = UsageError if is_missing(error) else DeploymentError
        raise kind(f"{what}: {_said(error)}") from error
    except BotoCoreError as error:
        raise DeploymentError(f"{what}: {error}") from error


def code_of(error: Exception) -> str:
    """AWS's word for an error, such as ``NoSuchEntity``; empty where it is none of AWS's."""
    return str(_error(error).get("Code", ""))


def is_missing(error: Exception) -> bool:
    """Whether AWS says that something does not exist."""
    message = str(_error(error).get("Message", ""))
    return code_of(error) in _MISSING or "does not exist" in message


def _said(error: Exception) -> str:
    return f"{code_of(error)}: {_error(error).get('Message', '')}"


def _error(error: Exception) -> dict[str, Any]:
    response = cast("dict[str, Any]", getattr(error, "response", {}))
    return cast("dict[str, Any]", response.get("Error", {}))
