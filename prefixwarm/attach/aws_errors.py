"""Turns AWS errors into one-line errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefixwarm.errors import CredentialsError, DeploymentError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


# Error codes for things that do not exist: Lambda, IAM, CloudFormation, Secrets Manager.
_MISSING = ("ResourceNotFoundException", "NoSuchEntity")

# What to do without credentials.
LOG_IN = "log in, or give --profile"


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn boto3 exceptions into one line that begins with what was being done.

    Raises
    ------
    UsageError
        What was named does not exist.
    CredentialsError
        There are no credentials, or no region.
    DeploymentError
        AWS refuses, cannot be reached, or sends an unreadable answer.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ProfileNotFound,
    )

    from prefixwarm.boto_replies import code_of, message_of, replies

    try:
        with replies():
            yield
    except NoRegionError as error:
        raise CredentialsError(
            "AWS: no region: give --region, or set AWS_REGION or the profile's"
        ) from error
    except (NoCredentialsError, ProfileNotFound) as error:
        raise CredentialsError(f"AWS: {error}; {LOG_IN}") from error
    except ClientError as error:
        kind = UsageError if is_missing(error) else DeploymentError
        raise kind(f"{what}: {code_of(error)}: {message_of(error)}") from error
    except BotoCoreError as error:
        raise DeploymentError(f"{what}: {error}") from error


def is_missing(error: BaseException) -> bool:
    """Whether AWS says that something does not exist."""
    from prefixwarm.boto_replies import code_of, message_of

    return code_of(error) in _MISSING or "does not exist" in message_of(error)
