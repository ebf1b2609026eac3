"""Changes a function's layers and variables, and nothing else."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.agent_function import read
from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefixwarm.attach.agent_function import AgentFunction

    # Maps a function to its new layers and variables.
    Edit = Callable[[AgentFunction], tuple[Sequence[str], dict[str, str]]]


# An update takes some seconds, or a minute if it creates a network interface.
_WAIT = {"Delay": 1, "MaxAttempts": 180}
# It was updated since it was read, or is being updated now.
_AGAIN = ("PreconditionFailedException", "ResourceConflictException")
_TRIES = 5
_PAUSE = 2.0


def edit(client: Any, name: str, change: Edit) -> None:
    """Read the function, change it, and wait until the change is active.

    If the function is updated concurrently, it is read again, so that no change is lost. Nothing is
    sent if there is nothing to change.

    Raises
    ------
    DeploymentError
        AWS refuses, or the update fails.
    """
    from botocore.exceptions import ClientError

    from prefixwarm.boto_replies import code_of

    for attempt in range(_TRIES):
        _settle(client, name)
        function = read(client, name)
        layers, variables = change(function)
        if (*layers,) == function.layers and variables == function.environment:
            return
        try:
            client.update_function_configuration(
                FunctionName=name,
                Layers=list(layers),
                Environment={"Variables": variables},
                RevisionId=function.revision,
            )
        except ClientError as error:
            if code_of(error) in _AGAIN and attempt + 1 < _TRIES:
                sleep(_PAUSE * attempt)
                continue
            raise
        if problem := _settle(client, name):
            raise DeploymentError(f"the update failed: {problem}")
        return


def _settle(client: Any, name: str) -> str:
    """Wait until no update is in progress; return why the last one failed, or "".

    Raises
    ------
    DeploymentError
        It takes too long.
    """
    from botocore.exceptions import WaiterError

    try:
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=_WAIT)
    except WaiterError as error:
        with aws_errors(f"function {name}"):
            now = client.get_function_configuration(FunctionName=name)
        if now.get("LastUpdateStatus") != "Failed":
            raise DeploymentError(f"{name}: an update does not finish") from error
        return str(now.get("LastUpdateStatusReason") or "Lambda gives no reason")
    return ""
