"""`prefixwarm.ask`: asks the deployed keep-warm function for warm calls."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from prefixwarm.errors import (
    CredentialsError,
    PrefixwarmError,
    ProtocolError,
    ProviderError,
    SettingsError,
    TransportError,
    UsageError,
)
from prefixwarm.keepwarm.ask_event import NEEDED_SECONDS, AskEvent
from prefixwarm.safe_text import masked, printable, quoted
from prefixwarm.settings import ASK

# Longer than the function's timeout.
_READ_SECONDS = 70
# Of epoch seconds and US dollars.
_MOST = 1e12


@dataclass(frozen=True)
class AskOutcome:
    """The outcome of asking for one prefix.

    Attributes
    ----------
    name : str
        The prefix's name.
    outcome, reason : str
        ``written``, ``refreshed``, ``partial``, ``uncached``, ``skipped`` or ``failed``, and why.
    warm_until : float or None
        Epoch seconds until which the provider's entry lives; None if there is none.
    cost_usd : float or None
        Cost of the call in US dollars, 0 if none was made; None if the price is unknown.
    """

    name: str
    outcome: str
    reason: str
    warm_until: float | None
    cost_usd: float | None

    @property
    def warm(self) -> bool:
        """Whether the prefix is warm now, by this call or already."""
        return self.warm_until is not None


def ask(
    *names: str,
    function: str | None = None,
    wait: bool = True,
    needed_for_seconds: float = NEEDED_SECONDS,
    client: Any = None,
) -> list[AskOutcome]:
    """Ask the deployed keep-warm function to warm prefixes, over Lambda's `Invoke`.

    The caller needs `lambda:InvokeFunction` on it, which the construct's `grant_ask` grants.

    Parameters
    ----------
    *names
        Names of the deployment's prefixes, at most 20.
    function
        Name or ARN of the keep-warm function. Default: the environment's `PREFIXWARM_ASK`.
    wait
        Whether to wait for the outcomes, up to a minute. If not, the function is invoked as an
        event.
    needed_for_seconds
        No call is made if the entry lives longer than this, 0 to 3600.
    client
        A boto3 Lambda client. Default: a new one.

    Returns
    -------
    list of AskOutcome
        One per name, in order; empty if `wait` is false.

    Raises
    ------
    UsageError
        A name is unknown or an argument invalid; nothing was sent.
    CredentialsError, ProviderError, TransportError
        There are no AWS credentials; Lambda refuses (`error_type` names the error, such as
        ``TooManyRequestsException``); or it cannot be reached or its answer is invalid.
    PrefixwarmError
        The deployment itself is faulty.
    """
    event = {"warm": list(names), "wait": wait, "needed_for_seconds": needed_for_seconds}
    AskEvent.of(event)
    name = function or os.environ.get(ASK, "").strip()
    if not name:
        raise UsageError(f"which keep-warm function? give function=, or set {ASK}")
    reply = _invoked(client, name, event, "RequestResponse" if wait else "Event")
    return _outcomes(reply) if wait else []


def _invoked(client: Any, function: str, event: dict[str, Any], kind: str) -> Any:
    try:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        from prefixwarm.boto_replies import code_of, replies
    except ModuleNotFoundError as error:
        raise UsageError("ask needs boto3: pip install boto3") from error
    payload = json.dumps(event).encode()
    try:
        with replies():
            client = client or _new_client()
            answer = client.invoke(FunctionName=function, InvocationType=kind, Payload=payload)
            data = answer["Payload"].read()
    except NoCredentialsError as error:
        raise CredentialsError(f"AWS: {error}") from error
    except ClientError as error:
        raise _refused(error.response, code_of(error), function) from error
    except BotoCoreError as error:
        raise TransportError(f"{quoted(function)} cannot be invoked: {error}") from error
    if kind == "Event":
        return None
    reply = _parsed(data)
    if "FunctionError" in answer:
        error_fields = [reply.get(name) for name in ("errorType", "errorMessage")]
        texts = ": ".join(
            printable(masked(text), 200) for text in error_fields if isinstance(text, str)
        )
        raise ProtocolError(f"the keep-warm function failed: {texts}")
    return reply


def _new_client() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 3, "mode": "standard"},
    )
    # Lambda and other SDKs read AWS_REGION; boto3 reads only AWS_DEFAULT_REGION.
    region = os.environ.get("AWS_REGION") or None
    return boto3.client("lambda", region_name=region, config=config)


def _refused(response: Any, code: str, function: str) -> PrefixwarmError:
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if code == "ResourceNotFoundException":
        return UsageError(f"there is no Lambda function {quoted(function)} in this region")
    return ProviderError(status, code)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(data)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise ProtocolError(
            "the function's answer is not a JSON object: is it a keep-warm function?"
        )
    return reply


def _outcomes(reply: dict[str, Any]) -> list[AskOutcome]:
    try:
        if error := reply.get("error"):
            raise _error(error["type"], error["message"])
        return [_outcome(item) for item in reply["outcomes"]]
    except (KeyError, TypeError) as error:
        raise ProtocolError(
            "the function's answer has no outcomes: is it a keep-warm function of this version?"
        ) from error


def _error(kind: object, message: object) -> PrefixwarmError:
    if not isinstance(message, str):
        raise TypeError("message is no text")
    if kind == "UsageError":
        return UsageError(message)
    return SettingsError(message) if kind == "SettingsError" else PrefixwarmError(message)


def _outcome(item: Any) -> AskOutcome:
    values = {name: item[name] for name in AskOutcome.__dataclass_fields__}
    for name in ("name", "outcome", "reason"):
        if not isinstance(values[name], str):
            raise TypeError(f"{name} is no text")
    for name in ("warm_until", "cost_usd"):
        values[name] = _number(values[name])
    return AskOutcome(**values)


def _number(value: object) -> float | None:
    """A finite number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _MOST:
        raise TypeError("is no number")
    return value
