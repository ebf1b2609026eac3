"""Reads the usage of a reply: Messages API, Converse, OpenAI, Gemini and compatible APIs.

A reply, or its usage alone, may be an SDK's object or a dict. The fields are those of the SDKs:
anthropic 2.14, botocore 1.44 (``TokenUsage``), openai 3.57 (``CompletionUsage``,
``ResponseUsage``), google-genai 3.6 (``GenerateContentResponseUsageMetadata``). Gateways and
frameworks with a usage object of their own follow one of these forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefixwarm.state.outcome import Usage, is_count, unusable_field
from prefixwarm.wire.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

ANTHROPIC, CONVERSE, OPENAI, GEMINI = "anthropic", "converse", "openai", "gemini"

USAGE_NAMES = ("usage", "usage_metadata", "usageMetadata")
MODEL_NAMES = ("model", "model_version", "modelVersion")
# Nova's names with InvokeModel, in addition to Converse's.
_OF_NOVA = {
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
}
_SERVED = ("inference_geo", "speed", "service_tier")
# A gateway that returns Claude's usage in OpenAI's form keeps one of these Claude names too.
_OF_CLAUDE = ("cache_creation_input_tokens", "cache_creation", "ephemeral_5m_input_tokens")


class Reading(Record):
    """The tokens that a reply billed.

    Attributes
    ----------
    form : str
        The API whose fields it has: ``anthropic``, ``converse``, ``openai`` or ``gemini``; empty
        for a `Usage`, which is already read.
    usage : Usage or None
        None if a field is not a possible token count; then nothing is known.
    unusable : str
        The name of that field, or "".
    model : str
        The model named in the reply, or "".
    inference_geo, speed, service_tier : str
        How it was served, from Claude's usage, or "". They affect prices.
    """

    form: str
    usage: Usage | None
    unusable: str = ""
    model: str = ""
    inference_geo: str = ""
    speed: str = ""
    service_tier: str = ""


def read_usage(reply: object) -> Reading | None:
    """Read the tokens that a reply billed.

    Parameters
    ----------
    reply : object or mapping
        A provider's reply, or only its usage; also an object with a `Usage`, such as an `Outcome`.

    Returns
    -------
    Reading or None
        None if there is no usage in it.
    """
    if isinstance(reply, Usage):
        return Reading(form="", usage=reply)
    fields = plain(reply)
    if fields is None:
        return None
    model = next((fields[name] for name in MODEL_NAMES if isinstance(fields.get(name), str)), "")
    for name in USAGE_NAMES:
        if isinstance(fields.get(name), Usage):
            return Reading(form="", usage=fields[name], model=model)
        inner = plain(fields.get(name))
        if inner is not None:
            return _read(inner, model)
    return _read(fields, model)


def plain(value: object) -> Mapping[str, Any] | None:
    """Return an SDK object or a mapping as a mapping; None for anything else."""
    if isinstance(value, Mapping):
        return value
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        dumped = dump()
        return dumped if isinstance(dumped, Mapping) else None
    held = getattr(value, "__dict__", None)
    if not isinstance(held, dict) or isinstance(value, type):
        return None
    return {
        name: inner if isinstance(inner, Usage) else _flat(inner) for name, inner in held.items()
    }


def _flat(value: object) -> object:
    if isinstance(value, list):
        return [_flat(item) for item in value]
    flat = plain(value)
    return value if flat is None else flat


def _read(usage: Mapping[str, Any], model: str) -> Reading | None:
    form = form_of(usage)
    if form is None:
        return None
    if form == CONVERSE:
        usage = {**{ours: usage.get(nova) for nova, ours in _OF_NOVA.items()}, **usage}
    tokens, wrong = None, unusable_field(usage) if form in (ANTHROPIC, CONVERSE) else ""
    try:
        tokens = None if wrong else _READERS[form](usage)
    except _UnusableError as error:
        wrong = error.field
    served = {
        name: value
        for name in _SERVED
        if form == ANTHROPIC and isinstance(value := usage.get(name), str)
    }
    return Reading(form=form, usage=tokens, unusable=wrong, model=model, **served)


def form_of(usage: Mapping[str, Any]) -> str | None:
    """The API with these usage fields; None if no API has them."""
    names = {name for name, value in usage.items() if value is not None}
    if "inputTokens" in names:
        return CONVERSE
    if names & {"prompt_token_count", "promptTokenCount", "totalTokenCount", "total_token_count"}:
        return GEMINI
    if names & {"prompt_tokens", "input_tokens_details", "input_token_details"}:
        return OPENAI
    if "input_tokens" in names:
        total = {"total_tokens", "cache_write_tokens"} & names
        split = {"cache_read_input_tokens", "cache_creation_input_tokens"} & names
        return OPENAI if total and not split else ANTHROPIC
    return ANTHROPIC if "cache_read_input_tokens" in names else None


class _UnusableError(Exception):
    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(field)


def _count(fields: Mapping[str, Any], *names: str) -> int:
    """The first of these fields that is present; 0 if none is."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            if not is_count(value):
                raise _UnusableError(name)
            return int(value)
    return 0


def _inner(fields: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((inner for name in names if (inner := plain(fields.get(name))) is not None), {})


def _openai(usage: Mapping[str, Any]) -> Usage:
    """Chat Completions and Responses: the prompt's count includes reads and writes.

    DeepSeek, Moonshot, LiteLLM, LangChain and pydantic-ai count the same way, under other names.
    """
    details = _inner(
        usage, "prompt_tokens_details", "input_tokens_details", "input_token_details", "details"
    )
    lives = _inner(details, "cache_write_tokens_details", "cache_creation_token_details") or details
    claude = any(fields.get(name) for fields in (usage, details) for name in _OF_CLAUDE)
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    read = _count(details, "cached_tokens", "cache_read") or _count(
        usage,
        *("cache_read_input_tokens", "cache_read_tokens", "prompt_cache_hit_tokens"),
        "cached_tokens",
    )
    written = _count(
        details, "cache_write_tokens", "cache_creation_tokens", "cache_creation"
    ) or _count(usage, "cache_creation_input_tokens", "cache_write_tokens")
    hours, one_hour = _count(lives, "ttl_12h_tokens"), _count(lives, "ephemeral_1h_input_tokens")
    five = _count(lives, "ephemeral_5m_input_tokens")
    minutes = max(five, written - hours - one_hour)
    if read > prompt:
        raise _UnusableError("cached_tokens")
    return Usage(
        input=max(0, prompt - read - minutes - hours - one_hour),
        output=_count(usage, "completion_tokens", "output_tokens"),
        read=read,
        write_5m=minutes if claude else 0,
        write_1h=one_hour,
        write_30m=0 if claude else minutes,
        write_12h=hours,
    )


def _gemini(usage: Mapping[str, Any]) -> Usage:
    """The prompt's count includes ``cached_content_token_count``; thoughts are billed as output."""
    prompt = _count(usage, "prompt_token_count", "promptTokenCount")
    read = _count(usage, "cached_content_token_count", "cachedContentTokenCount")
    if read > prompt:
        raise _UnusableError("cached_content_token_count")
    tools = _count(usage, "tool_use_prompt_token_count", "toolUsePromptTokenCount")
    answer = _count(usage, "candidates_token_count", "candidatesTokenCount")
    thoughts = _count(usage, "thoughts_token_count", "thoughtsTokenCount")
    return Usage(input=prompt - read + tools, output=answer + thoughts, read=read)


_READERS: dict[str, Callable[[Mapping[str, Any]], Usage]] = {
    ANTHROPIC: Usage.from_response,
    CONVERSE: Usage.from_response,
    OPENAI: _openai,
    GEMINI: _gemini,
}
