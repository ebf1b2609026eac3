"""LangChain's agent on Bedrock: ChatBedrockConverse with the caching middleware of its package."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_aws import ChatBedrockConverse
from langchain_aws.middleware import BedrockPromptCachingMiddleware
from shop import MODEL, PROMPT, QUESTIONS, cancel, look_up

agent = create_agent(
    ChatBedrockConverse(model=f"global.anthropic.{MODEL}"),
    tools=[look_up, cancel],
    system_prompt=PROMPT,
    middleware=[BedrockPromptCachingMiddleware(ttl="1h")],
)
for question in QUESTIONS:
    print(agent.invoke({"messages": [("user", question)]})["messages"][-1].content)
