"""LangChain: a model with tools bound, and a cached system prompt."""

from __future__ import annotations

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage
from shop import MODEL, PROMPT, QUESTIONS, cancel, look_up

MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
model = ChatAnthropic(model=MODEL, max_tokens=50).bind_tools([look_up, cancel])
for question in QUESTIONS:
    print(model.invoke([SystemMessage(content=[MARKED]), HumanMessage(content=question)]).content)
