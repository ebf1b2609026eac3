"""One kind of error for whatever boto3 raises about a reply.

Its own errors have two base classes. What its parsers raise about a reply that is none of AWS's (a
proxy's page, a service in AWS's place, a field of another type) has neither, and what reads the
parsed reply may fail on it as well.
"""

from __future__ import annotations

from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.errors import PrefixwarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Modules of botocore that read replies.
_READERS = ("botocore.parsers", "botocore.model", "botocore.errorfactory")
# In arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.
_COLONS = 5


class UnreadableReplyError(BotoCoreError):
    """AWS's reply is not what the API describes."""

    fmt = "AWS's reply cannot be read ({problem})"


@contextmanager
def replies() -> Iterator[None]:
    """Let requests, and the reading of their replies, raise boto3's errors and ours alone.

    Raises
    ------
    UnreadableReplyError
        For a reply that cannot be read; a BotoCoreError as boto3's own.
    """
    try:
        yield
    except (BotoCoreError, ClientError, PrefixwarmError):
        raise
    except Exception as error:
        raise UnreadableReplyError(problem=type(error).__name__) from error


def text_in(reply: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of a reply; the default, if there is one, where it has none.

    Raises
    ------
    KeyError, TypeError
        Where it is missing or no text, which `replies` turns into its own error.
    """
    value = reply[name] if default is None else reply.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def texts_in(reply: Mapping[str, Any], name: str) -> dict[str, str]:
    """Texts of a reply by their names; none where it has none. Raises as `text_in` does."""
    values = reply.get(name)
    return {key: text_in(values, key) for key in values} if values else {}


def arn_in(reply: Mapping[str, Any], name: str) -> str:
    """An ARN of a reply, with all six fields of one. Raises as `text_in` does, or ValueError."""
    arn = text_in(reply, name)
    if arn.count(":") < _COLONS:
        raise ValueError(f"{name} is no ARN")
    return arn


def comes_from_parser(error: BaseException) -> bool:
    """Whether boto3 failed while it read a reply, rather than a hook or setting of its user."""
    frames = walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") in _READERS for frame, _ in frames)


def code_of(error: BaseException) -> str:
    """AWS's word for an error, such as ``NoSuchEntity``; empty where it is none of AWS's."""
    return _error_field(error, "Code")


def message_of(error: BaseException) -> str:
    """What AWS says about an error; empty where that is no text."""
    return _error_field(error, "Message")


def _error_field(error: BaseException, name: str) -> str:
    response = getattr(error, "response", None)
    fields = response.get("Error") if isinstance(response, dict) else None
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else ""
