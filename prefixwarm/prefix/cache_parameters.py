"""What besides the blocks decides whether two requests share a cache entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.body import as_messages
from prefixwarm.prefix.fingerprint import CACHE_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


FIELDS = (*CACHE_PARAMETERS, "inference_geo")
FROM_HEADERS = ("anthropic-beta", "anthropic-version")

# The first tier that a difference invalidates: the conservative reading of
# https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "what invalidates".
TIER_OF = {
    "speed": "system",
    "output_config.format": "system",
    "citations": "system",
    "tool_choice": "messages",
    "images": "messages",
}

# https://platform.claude.com/docs/en/build-with-claude/effort: an explicit default is the same as
# none; every other model that knows effort has "high".
_DEFAULT_EFFORT = {"claude-opus-5-5": "medium", "claude-haiku-5-5": "medium"}


def cache_parameters(
    request: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The parts that are rendered into the prompt beside the blocks, defaults left out.

    Parameters
    ----------
    request : mapping
        A request's body.
    headers : mapping of str to str, optional
        Its headers.
    """
    request = as_messages(request)
    found = {name: request[name] for name in FIELDS if request.get(name) is not None}
    found |= _output(found.pop("output_config", {}), str(found.get("model", "")))
    if found.get("tool_choice") == {"type": "auto"}:
        del found["tool_choice"]
    for name, default in (("speed", "standard"), ("inference_geo", "global")):
        if found.get(name) == default:
            del found[name]
    found |= dict.fromkeys(contents(request.get("messages") or ()), True)
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


def contents(messages: Iterable[Any]) -> list[str]:
    """What anywhere in the messages changes the prompt in front of it: citations, images."""
    found: set[str] = set()
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            found.update(_special(block))
    return sorted(found)


def _special(block: object) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") == "text":
        return
    if block.get("type") == "image" or "image" in block:
        yield "images"
    # Converse has a block's fields one level deeper.
    inside = block if "type" in block else next(iter(block.values()), None)
    if isinstance(inside, dict):
        citations, content = inside.get("citations"), inside.get("content")
        if isinstance(citations, dict) and citations.get("enabled"):
            yield "citations"
        for each in content if isinstance(content, list) else ():
            yield from _special(each)


def _output(config: object, model: str) -> dict[str, Any]:
    if not isinstance(config, dict):
        return {}
    default = next((e for name, e in _DEFAULT_EFFORT.items() if name in model), "high")
    parts = {k: v for k, v in config.items() if v is not None and (k, v) != ("effort", default)}
    return {f"output_config.{name}": value for name, value in parts.items()}
