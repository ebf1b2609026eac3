"""Determines the kind of a warmer's ``client``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.library.boto3_client import Boto3Client, is_runtime_client
from prefixwarm.library.sdk_client import SdkClient, sdk_class
from prefixwarm.library.sending_object import SendingObject

if TYPE_CHECKING:
    from prefixwarm.library.client_kind import ClientKind


def client_kind(client: Any) -> ClientKind:
    """Return the kind of a user's client.

    Raises
    ------
    UsageError
        It cannot make warm calls.
    """
    if sdk_class(client):
        return SdkClient(client)
    if is_runtime_client(client):
        return Boto3Client(client)
    if callable(getattr(client, "send", None)):
        return SendingObject(client)
    raise UsageError(
        f"client: {type(client).__name__} cannot make warm calls; give a client of the anthropic "
        "SDK, boto3's client of bedrock-runtime, or an object with send(request)"
    )
