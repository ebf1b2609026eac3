"""How the user of a framework sets a breakpoint: the framework's own option, by name."""

from __future__ import annotations

_ADD = "prefixwarm.observe.middleware(add_breakpoint=True)"
# By what the framework's user-agent holds, the more specific first.
_OPTIONS = {
    "langchain-anthropic": (
        "LangChain",
        (
            'AnthropicPromptCachingMiddleware(ttl="1h") of langchain_anthropic.middleware for an '
            "agent, or cache_control in the content block of the SystemMessage"
        ),
    ),
    "pydantic-ai": (
        "pydantic-ai",
        (
            'AnthropicModelSettings(anthropic_cache_instructions="1h", '
            'anthropic_cache_tool_definitions="1h")'
        ),
    ),
    "litellm": (
        "LiteLLM",
        'cache_control_injection_points=[{"location": "message", "role": "system"}]',
    ),
    "strands": (
        "Strands",
        (
            'BedrockModel(cache_config=CacheConfig(strategy="anthropic")), or a cachePoint in the '
            "system prompt"
        ),
    ),
    "ai-sdk": (
        "the Vercel AI SDK",
        (
            'providerOptions: {anthropic: {cacheControl: {type: "ephemeral", ttl: "1h"}}} on the '
            "system message"
        ),
    ),
    "anthropic/python": ("the anthropic SDK", f"let the client do it with middleware=[{_ADD}]"),
    "boto3": (
        "boto3",
        "let the client do it with prefixwarm.observe.watch(client, add_breakpoint=True)",
    ),
}


def framework_advice(user_agent: str) -> str:
    """What to write, in the words of what sent the request; empty where that is not known."""
    sent = user_agent.lower()
    names = (option for agent, option in _OPTIONS.items() if agent in sent)
    name, option = next(names, ("", ""))
    return f"; in {name}: {option}" if name else ""
