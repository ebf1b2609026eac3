"""Advises how to set a breakpoint in each framework, with the framework's own option."""

from __future__ import annotations

_ADD = "(add_breakpoint=True)"
_LITELLM = (
    'cache_control_injection_points=[{"location": "message", "role": "system", "control": '
    '{"type": "ephemeral", "ttl": "1h"}}]'
)
_BLOCK = 'cache_control={"type": "ephemeral", "ttl": "1h"} in the last content block of the system'
_VERCEL = "on the system message, a message with the role system and providerOptions"
# By text in the user-agent, more specific ones first; all tested, see docs/frameworks.md.
_OPTIONS = {
    "langchain-anthropic": (
        "LangChain",
        (
            'AnthropicPromptCachingMiddleware(ttl="1h") of langchain_anthropic.middleware for an '
            "agent, or cache_control in the content block of the SystemMessage"
        ),
    ),
    "langchain-aws": (
        "LangChain",
        'BedrockPromptCachingMiddleware(ttl="1h") of langchain_aws.middleware for an agent',
    ),
    "pydantic-ai": (
        "pydantic-ai",
        (
            'AnthropicModelSettings(anthropic_cache_instructions="1h", '
            'anthropic_cache_tool_definitions="1h")'
        ),
    ),
    "agents/python": ("the OpenAI Agents SDK", f"ModelSettings(extra_args=dict({_LITELLM}))"),
    "dspy": ("DSPy", f"dspy.LM(..., {_LITELLM})"),
    "lm15": ("DSPy", 'dspy.LM(..., prompt_cache=dspy.lm15.CacheConfig(retention="long"))'),
    "instructor": ("Instructor", f"{_BLOCK} message"),
    "litellm": ("LiteLLM", _LITELLM),
    "llama_index": (
        "LlamaIndex",
        "BedrockConverse(..., system_prompt_caching=True, tool_caching=True)",
    ),
    "llama-index": (
        "LlamaIndex, which drops breakpoints of the system prompt",
        f"llm._aclient = AsyncAnthropic(middleware=[prefixwarm.observe.async_middleware{_ADD}])",
    ),
    "strands": (
        "Strands",
        (
            'BedrockModel(cache_config=CacheConfig(strategy="anthropic", ttl="1h", '
            "tools_ttl=True)), or a cachePoint in the system prompt"
        ),
    ),
    "amazon-bedrock": (
        "the Vercel AI SDK",
        f'{_VERCEL}: {{bedrock: {{cachePoint: {{type: "default", ttl: "1h"}}}}}}',
    ),
    "ai-sdk": (
        "the Vercel AI SDK",
        f'{_VERCEL}: {{anthropic: {{cacheControl: {{type: "ephemeral", ttl: "1h"}}}}}}',
    ),
    "asyncanthropic/python": (
        "the anthropic SDK",
        f"let the client do it with middleware=[prefixwarm.observe.async_middleware{_ADD}]",
    ),
    "anthropic/python": (
        "the anthropic SDK",
        f"let the client do it with middleware=[prefixwarm.observe.middleware{_ADD}]",
    ),
    "boto3": (
        "boto3",
        "let the client do it with prefixwarm.observe.watch(client, add_breakpoint=True)",
    ),
}


def framework_advice(user_agent: str) -> str:
    """Return the option to set in the framework that sent the request; "" if unknown."""
    sent = user_agent.lower()
    names = (option for agent, option in _OPTIONS.items() if agent in sent)
    name, option = next(names, ("", ""))
    return f"; in {name}: {option}" if name else ""
