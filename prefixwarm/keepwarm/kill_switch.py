"""The kill switch: an SSM parameter that stops all keep-warm calls without a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.errors import SettingsError
from prefixwarm.settings import DISABLED, KILL_SWITCH, boolean

if TYPE_CHECKING:
    from typing import Any

    from mypy_boto3_ssm import SSMClient

    from prefixwarm.settings import Settings


def stopped(settings: Settings, client: SSMClient) -> str:
    """Why nothing may be sent; empty when sending is allowed.

    Raises
    ------
    SettingsError
        When the kill switch cannot be read or holds neither yes nor no: whoever put it there
        may have meant "stop".
    """
    if settings.disabled:
        return f"disabled by {DISABLED}"
    name = settings.kill_switch
    if name is None:
        return ""
    try:
        value = client.get_parameter(Name=name)["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound:
        return ""
    except (ClientError, BotoCoreError) as error:
        raise SettingsError(f"{KILL_SWITCH}={name!r}: cannot be read: {_text(error)}") from error
    return f"stopped by the parameter {name}" if boolean(f"{KILL_SWITCH} {name}", value) else ""


def _text(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        code = cast("dict[str, Any]", error.response).get("Error", {}).get("Code", "")
        return code or str(error)
    return str(error)
