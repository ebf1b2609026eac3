"""Describes each provider's prompt cache: whether a warm call pays, and what helps.

From openai 3.57.0, google-genai 3.6.1 and litellm 1.110.2, and the providers' guides, on
2026-11-27. If a provider guarantees no lifetime, a warm call has no lasting effect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefixwarm.fields.model_names import parse
from prefixwarm.prices import minimum_tokens


@dataclass(frozen=True)
class ProviderCaching:
    """One provider's cache.

    Attributes
    ----------
    provider : str
        Its name.
    warm_call_pays : bool
        Whether a warm call can pay.
    minimum : int or None
        The minimum tokens of a cached prefix; None if unknown.
    advice : str
        How to warm, or the alternative.
    """

    provider: str
    warm_call_pays: bool
    minimum: int | None
    advice: str


_CLAUDE = (
    "set an explicit breakpoint at the end of what is shared, and keep it warm with Warmer or "
    "WarmSchedule; docs/plan.md says when that pays"
)
_OPENAI_12H = (
    'send prompt_cache_options={"prewarm": true, "ttl": "12h"} with the Responses API, with the '
    "agent's own prompt_cache_key and an explicit prompt_cache_breakpoint at the same place: two "
    "calls a day keep a prefix, and none is needed where a request comes every 12 hours anyway"
)
_OPENAI_30M = (
    'send prompt_cache_options={"prewarm": true} with the Responses API, with the agent\'s own '
    "prompt_cache_key and an explicit prompt_cache_breakpoint at the same place: the entry lives "
    "30 minutes, so it pays only for busy agents"
)
_OPENAI_OLD = (
    "no lifetime is guaranteed, so no warm call pays; put what is shared first, byte for byte the "
    "same, send a stable prompt_cache_key (prefix_key gives one; at most about 15 requests a "
    'minute to each), and prompt_cache_retention="24h" if the model supports it'
)
_GEMINI = (
    "the implicit cache has no fixed lifetime, so no warm call pays; from about two requests an "
    "hour, create an explicit cache (caches.create) and name it in each request as "
    "cached_content, or else put what is shared first"
)
_OTHER = (
    "no lifetime is guaranteed, so no warm call pays; put what is shared first, byte for byte the "
    "same, and what varies last"
)

# The first match wins; OpenAI's minimum counts the visible prompt.
_ROWS = (
    (r"gpt-([6-9]|\d\d)(\.|-|$)", ProviderCaching("OpenAI", True, 1024, _OPENAI_12H)),
    (r"gpt-5\.[6-9]", ProviderCaching("OpenAI", True, 1024, _OPENAI_30M)),
    (r"(chatgpt|codex|gpt)-|o\d(-|$)", ProviderCaching("OpenAI", False, 1024, _OPENAI_OLD)),
    (r"gemini-.*pro", ProviderCaching("Gemini", False, 4096, _GEMINI)),
    (r"gemini", ProviderCaching("Gemini", False, 1024, _GEMINI)),
    (r"deepseek", ProviderCaching("DeepSeek", False, None, _OTHER)),
    (r"grok", ProviderCaching("xAI", False, None, _OTHER)),
    (r"(mi|magi|code)stral", ProviderCaching("Mistral", False, None, _OTHER)),
    (r"([a-z]+\.)?amazon\.nova", ProviderCaching("Amazon Nova", False, None, _OTHER)),
)
_NO_PROVIDER = ProviderCaching("", False, None, _OTHER)


def provider_caching(model: str) -> ProviderCaching:
    """Describe the cache of a model's provider.

    Parameters
    ----------
    model : str
        Any spelling of a model id.
    """
    if parse(model) is not None:
        route = "bedrock" if "anthropic." in model else "anthropic"
        return ProviderCaching("Claude", True, minimum_tokens(model, route), _CLAUDE)
    name = model.rpartition("/")[2].lower()
    return next((row for pattern, row in _ROWS if re.match(pattern, name)), _NO_PROVIDER)
