"""What besides the blocks decides whether two requests share a cache entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.core.body import as_messages
from prefixwarm.core.fingerprint import SHAPE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FROM_HEADERS", "TIER_OF", "shape"]

FROM_HEADERS = ("anthropic-beta", "anthropic-version")

# The first tier that a difference invalidates: the conservative reading of
# https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "what invalidates".
TIER_OF = {"speed": "system", "output_config.format": "system", "tool_choice": "messages"}

# https://platform.claude.com/docs/en/build-with-claude/effort: an explicit default is the same as
# none; every other model that knows effort has "high".
_DEFAULT_EFFORT = {"claude-opus-5-5": "medium", "claude-haiku-5-5": "medium"}


def shape(request: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The parts that are rendered into the prompt beside the blocks, defaults left out.

    Parameters
    ----------
    request : mapping
        A request's body.
    headers : mapping of str to str, optional
        Its headers.
    """
    request = as_messages(request)
    found = {name: request[name] for name in SHAPE if request.get(name) is not None}
    found |= _output(found.pop("output_config", {}), str(found.get("model", "")))
    if found.get("tool_choice") == {"type": "auto"}:
        del found["tool_choice"]
    if found.get("speed") == "standard":
        del found["speed"]
    betas = {beta.strip() for beta in (headers or {}).get("anthropic-beta", "").split(",")}
    # How a caller logs in is no part of the prompt.
    if kept := sorted(beta for beta in betas if beta and not beta.startswith("oauth-")):
        found["anthropic-beta"] = kept
    if inside := sorted({str(beta) for beta in request.get("anthropic_beta") or ()}):
        found["anthropic_beta"] = inside
    version = (headers or {}).get("anthropic-version") or request.get("anthropic_version")
    if version:
        found["anthropic-version"] = version
    return found


def _output(config: object, model: str) -> dict[str, Any]:
    if not isinstance(config, dict):
        return {}
    default = next((e for name, e in _DEFAULT_EFFORT.items() if name in model), "high")
    parts = {k: v for k, v in config.items() if v is not None and (k, v) != ("effort", default)}
    return {f"output_config.{name}": value for name, value in parts.items()}
