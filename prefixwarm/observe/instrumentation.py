"""`instrument()`: observes every supported SDK in this process with one line."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from prefixwarm.observe.harmless import without_fail
from prefixwarm.observe.import_hook import when_imported
from prefixwarm.observe.patches import PATCHES

if TYPE_CHECKING:
    from prefixwarm.observe.patches import Patch


def instrument() -> tuple[str, ...]:
    """Observe all clients of the installed SDKs, including those imported later.

    The anthropic SDK (2.x, and what is built on it, such as LangChain's ``ChatAnthropic``), boto3's
    ``bedrock-runtime`` (and LangChain's ``ChatBedrockConverse``, Strands), and LiteLLM. No request
    is reported twice, whatever else is switched on. Existing clients are not changed.

    Returns
    -------
    tuple of str
        The observed SDKs: ``anthropic``, ``boto3``, ``litellm``.

    Examples
    --------
    >>> from prefixwarm.observe import instrument
    >>> "anthropic" in instrument()
    True
    """
    return tuple(name for name, patch in PATCHES.items() if without_fail(partial(_hooked, patch)))


def _hooked(patch: Patch) -> bool:
    if find_spec(patch.module.partition(".")[0]) is None:
        return False
    when_imported(patch.module, patch.apply)
    return True
