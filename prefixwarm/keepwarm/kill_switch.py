"""The kill switch: an SSM parameter that stops all keep-warm calls without a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.boto_replies import code_of, replies, text_in
from prefixwarm.errors import SettingsError
from prefixwarm.settings import DISABLED, KILL_SWITCH, boolean

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

    from prefixwarm.settings import Settings


def stopped(settings: Settings, client: SSMClient) -> str:
    """Return why nothing may be sent, or "".

    Raises
    ------
    SettingsError
        The kill switch cannot be read or is neither yes nor no; it may have been meant to stop.
    """
    if settings.disabled:
        return f"disabled by {DISABLED}"
    name = settings.kill_switch
    if name is None:
        return ""
    try:
        with replies():
            value = text_in(client.get_parameter(Name=name)["Parameter"], "Value")
    except (ClientError, BotoCoreError) as error:
        if code_of(error) == "ParameterNotFound":
            return ""
        problem = f"cannot be read: {code_of(error) or error}"
        raise SettingsError(f"{KILL_SWITCH}={name!r}: {problem}") from error
    return f"stopped by the parameter {name}" if boolean(f"{KILL_SWITCH} {name}", value) else ""
