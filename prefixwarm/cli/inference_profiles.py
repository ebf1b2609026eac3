"""Finds the model behind an application inference profile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


_PROFILE = re.compile(r"arn:aws[a-z-]*:bedrock:([^:]+):[^:]*:application-inference-profile/.+")
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_SECONDS = 3


def base_models(
    models: Iterable[str],
    *,
    chosen: str | None,
    files: Sequence[PrefixFile],
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Map each application inference profile's ARN to the id of the model behind it.

    Parameters
    ----------
    models : iterable of str
        Model ids as agents send them; those that are not such an ARN are skipped.
    chosen : str or None
        The model that the user gave.
    files : sequence of PrefixFile
        Earlier files, which contain the models found then.
    environ : mapping of str to str
        If it has AWS credentials, GetInferenceProfile is called.
    """
    earlier = {file.model: file.base_model for file in files}
    models_by_arn: dict[str, str] = {}
    for arn in {model for model in models if _PROFILE.fullmatch(model)}:
        model = chosen or earlier.get(arn) or _asked(arn, environ)
        if model:
            models_by_arn[arn] = model
    return models_by_arn


def _asked(arn: str, environ: Mapping[str, str]) -> str | None:
    """The model from GetInferenceProfile; None if it cannot be called."""
    profile = _PROFILE.fullmatch(arn)
    if profile is None or not any(environ.get(name) for name in _CREDENTIALS):
        return None
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(
        connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1}
    )
    try:
        client = boto3.client("bedrock", region_name=profile[1], config=config)
        answer = client.get_inference_profile(inferenceProfileIdentifier=arn)
    except (BotoCoreError, ClientError):
        return None
    arns = [model.get("modelArn", "") for model in answer.get("models", [])]
    return next((one.rpartition("/")[2] for one in arns if "/" in one), None)
