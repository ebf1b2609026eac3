"""Parses Claude model ids in every provider's spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ID = re.compile(
    r"(?:(?P<geography>[a-z]{2,6}(?:-gov)?)\.)?"
    r"(?:anthropic[./])?"
    r"(?P<model>claude-[a-z0-9.-]+?)"
    r"(?:[-@](?:\d{8}|latest))?"
    r"(?:-v\d+(?::\d+)*)?"
)
_VERSION = re.compile(r"(?<=-)(\d+)(?:-(\d{1,2}))?(?=-|$)")


@dataclass(frozen=True)
class ModelName:
    """A model without date, provider and geography.

    Attributes
    ----------
    model : str
        The undated id of the Claude API, such as ``claude-opus-4-5``.
    geography : str or None
        The part before ``anthropic.`` in a Bedrock inference profile: ``global``, ``us``, ...
    generation : tuple[int, int]
        Major and minor version; ``(0, 0)`` if the name has none.
    """

    model: str
    geography: str | None
    generation: tuple[int, int]


def parse(model_id: str) -> ModelName | None:
    """Read a model id of the Claude API, of Bedrock or of Google Cloud.

    Parameters
    ----------
    model_id : str
        For example ``claude-opus-4-5-20251101``, ``global.anthropic.claude-opus-5-5``, or the ARN
        of a foundation model or of a system inference profile.

    Returns
    -------
    ModelName or None
        None if the id names no Claude model (an application inference profile does not).
    """
    match = _ID.fullmatch(model_id.rpartition("/")[2].lower())
    if match is None:
        return None
    model = match["model"].replace(".", "-")
    if model.endswith("-0"):
        model = model[:-2]
    version = _VERSION.search(model)
    generation = (int(version[1]), int(version[2] or 0)) if version else (0, 0)
    return ModelName(model, match["geography"], generation)
