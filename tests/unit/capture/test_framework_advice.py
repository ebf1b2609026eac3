"""Advice in the words of the framework that sent the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefixwarm.capture.captured_request import read_request
from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.capture.framework_advice import framework_advice
from prefixwarm.provider.routes import ROUTES


@pytest.mark.parametrize(
    ("user_agent", "option"),
    [
        ("langchain-anthropic/1.3.0", "AnthropicPromptCachingMiddleware"),
        ("pydantic-ai/2.0.1", "anthropic_cache_instructions"),
        ("litellm/1.80.0", "cache_control_injection_points"),
        ("Boto3/1.40 md/Botocore strands-agents", "CacheConfig"),
        ("ai/5.0 ai-sdk/anthropic/2.0 runtime/node.js/22", "providerOptions"),
        ("ai/6.0 ai-sdk/provider-utils/4.0 ai-sdk/amazon-bedrock/4.0", "cachePoint"),
        ("ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/v22", "cacheControl"),
        ("mastra/1.71.0 ai-sdk/anthropic/3.0.103", "cacheControl"),
        ("Agents/Python 0.24.0", "extra_args"),
        ("DSPy/3.4.1", "cache_control_injection_points"),
        ("lm15/stdlib", "prompt_cache"),
        ("instructor/1.17.0", "cache_control"),
        ("llama-index/0.14.25", "_aclient"),
        ("Boto3/1.44.8 x-client-framework:llama_index", "system_prompt_caching=True"),
        ("Boto3/1.44.8 x-client-framework:langchain-aws", "BedrockPromptCachingMiddleware"),
        ("AsyncAnthropic/Python 2.14.0", "async_middleware(add_breakpoint=True)"),
        ("Anthropic/Python 2.14.0", "observe.middleware(add_breakpoint=True)"),
        ("Boto3/1.40 md/Botocore", "watch(client, add_breakpoint=True)"),
    ],
)
def test_the_option_by_name(user_agent: str, option: str) -> None:
    """The more specific name wins."""
    assert option in framework_advice(user_agent)


def test_an_unknown_client() -> None:
    """Nothing is made up."""
    assert framework_advice("curl/8.1") == framework_advice("") == ""


def test_the_finding_holds_it(make_body: Any) -> None:
    """Where the breakpoint is missing; the name of the client gets into no file."""
    body = make_body()
    del body["system"][1]["cache_control"]
    headers = {"User-Agent": "litellm/1.80.0", "anthropic-version": "2023-06-01"}
    sent = read_request(ROUTES["anthropic"], "/v1/messages", headers, json.dumps(body).encode())
    assert sent is not None
    sent.status = 200
    (extracted,) = prefixes_from_requests([sent], name="x")
    assert "in LiteLLM: cache_control_injection_points" in extracted.findings[0].message
    assert extracted.prefix is not None
    assert extracted.prefix.headers == {"anthropic-version": "2023-06-01"}
