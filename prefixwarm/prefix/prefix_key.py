"""Computes a short, stable key of a provider's cache entry; equal keys read the same entry.

The key covers what the provider's own key is known to cover: the parameters and blocks of
`Prompt`, in normal form and in the order sent. It has the form ``pw1-`` and 40 hex digits; the
number changes if the same input ever gives another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.fields.parameters import PARAMETER_TIERS, TIERS
from prefixwarm.prefix.binary import encoded
from prefixwarm.prefix.file_form import PrefixFile
from prefixwarm.prefix.fingerprint import digest, json_bytes
from prefixwarm.prefix.prefix_definition import Prefix
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.provider.routes import INVOKE_MODEL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.blocks import Block

_VERSION = "pw1"
_DIGITS = 40
_MARKER = "prompt_cache_breakpoint"
# The client's default headers (anthropic 2.14, `Anthropic.default_headers`), so that a body alone
# has the key of its request.
_USUAL = (("anthropic-version", "2026-10-21"), ("anthropic-version", INVOKE_MODEL_VERSION))

# The fields in OpenAI's cache key besides instructions and messages; see docs/stats.md. Of `text`
# and `reasoning`, only these fields count.
_OPENAI_FIELDS = (
    *("model", "instructions", "tools", "parallel_tool_calls", "service_tier"),
    *("text.format", "text.verbosity", "reasoning.effort", "context_management"),
    *("response_format", "verbosity", "reasoning_effort", "functions"),
)
_LEADING_ROLES = ("system", "developer")


def prefix_key(
    prefix: Prefix | PrefixFile | Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> str:
    """Return a key for the cache entry that requests with a shared prefix read.

    Parameters
    ----------
    prefix : Prefix, PrefixFile or mapping
        The shared prefix, or a request's body: of the Messages API, of Converse (in boto3's form),
        or of OpenAI (Chat Completions or Responses). A body counts up to its last breakpoint;
        without one, up to the end of the system prompt.
    headers : mapping of str to str, optional
        A body's headers: ``anthropic-beta`` changes what is cached.

    Returns
    -------
    str
        44 characters of ``[a-z0-9-]``. As OpenAI's ``prompt_cache_key`` (up to 64 characters) it
        sends requests of one prefix to the machine that holds it. It reveals nothing of the
        prompt.

    Raises
    ------
    UsageError
        It is not a request's body.

    Notes
    -----
    Requests have the same key if they differ only in their breakpoints' TTL, in a default that is
    written out, or after the prefix. The order of keys and of tools counts, as it does for the
    provider. Account, workspace and region do not count, because no request holds them.

    Examples
    --------
    >>> prefix_key({"model": "claude-sonnet-5-5", "system": "Be kind.", "messages": []})
    'pw1-...'
    """
    try:
        return f"{_VERSION}-{digest(_inputs(prefix, headers or {}))[:_DIGITS]}"
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise UsageError("prefix_key: the body does not have a request's form") from error


def _inputs(
    prefix: Prefix | PrefixFile | Mapping[str, Any], headers: Mapping[str, str]
) -> Iterator[bytes]:
    if isinstance(prefix, PrefixFile):
        prompt = Prompt.of_file(prefix)
        return _of_prompt(prompt, len(prompt.blocks))
    if isinstance(prefix, Prefix):
        prompt = Prompt(encoded(prefix.request([])), prefix.headers, prefix.route)
        return _of_prompt(prompt, _end(prompt))
    if not (isinstance(prefix, Mapping) and (prefix.get("model") or prefix.get("modelId"))):
        raise UsageError("prefix_key: give a request's body, which names its model")
    if _is_openai(prefix):
        return _of_openai(prefix)
    lowered = {name.lower(): value for name, value in headers.items()}
    prompt = Prompt(encoded(prefix), lowered)
    return _of_prompt(prompt, _end(prompt))


def _end(prompt: Prompt) -> int:
    """The number of blocks that count: up to the last breakpoint, or those before the messages."""
    if prompt.breakpoints:
        return prompt.breakpoints[-1] + 1
    return sum(block.message is None for block in prompt.blocks)


def _of_prompt(prompt: Prompt, end: int) -> Iterator[bytes]:
    shared = prompt.blocks[:end]
    reached = (PARAMETER_TIERS[0], *_up_to(shared))
    for name, parameter in sorted(prompt.parameters.items()):
        if parameter.tier in reached and (name, parameter.value) not in _USUAL:
            yield json_bytes([name, parameter.value], sort=True)
    for block in shared:
        yield block.tier.encode()
        yield block.data


def _up_to(shared: list[Block]) -> tuple[str, ...]:
    return TIERS[: TIERS.index(shared[-1].tier) + 1] if shared else TIERS[:1]


def _is_openai(body: Mapping[str, Any]) -> bool:
    """Whether a body is an OpenAI request; Claude's have a separate system prompt."""
    if "modelId" in body or "claude" in str(body.get("model", "")):
        return False
    messages = body.get("messages")
    return "input" in body or "instructions" in body or isinstance(messages, list)


def _of_openai(body: Mapping[str, Any]) -> Iterator[bytes]:
    for place in _OPENAI_FIELDS:
        name, _, inner = place.partition(".")
        value = body.get(name)
        if inner:
            value = value.get(inner) if isinstance(value, Mapping) else None
        if value is not None:
            yield json_bytes([place, _unmarked(value)])
    turns = body.get("input", body.get("messages"))
    for turn in _leading(turns) if isinstance(turns, list) else ():
        yield json_bytes(turn)


def _leading(turns: list[Any]) -> list[Any]:
    """The items up to the last explicit breakpoint, or the leading instructions."""
    marked = [i for i, turn in enumerate(turns) if _has_marker(turn)]
    if not marked:
        ends = (i for i, turn in enumerate(turns) if _role(turn) not in _LEADING_ROLES)
        return [_unmarked(turn) for turn in turns[: next(ends, len(turns))]]
    *before, last = turns[: marked[-1] + 1]
    content = last.get("content") if isinstance(last, Mapping) else None
    if isinstance(content, list) and any(map(_has_marker, content)):
        end = max(i for i, part in enumerate(content) if _has_marker(part))
        last = {**last, "content": content[: end + 1]}
    return [_unmarked(turn) for turn in (*before, last)]


def _role(turn: object) -> object:
    return turn.get("role") if isinstance(turn, Mapping) else None


def _has_marker(value: object) -> bool:
    if isinstance(value, Mapping):
        return _MARKER in value or any(map(_has_marker, value.values()))
    return isinstance(value, list) and any(map(_has_marker, value))


def _unmarked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unmarked(inner) for name, inner in value.items() if name != _MARKER}
    return [_unmarked(item) for item in value] if isinstance(value, list | tuple) else value
