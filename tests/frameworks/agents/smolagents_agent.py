"""smolagents: an agent that calls tools, by way of LiteLLM, whose option marks its prompt."""

from __future__ import annotations

from shop import FORCED_MODEL, PROMPT, QUESTIONS
from shop import look_up as look_up_order
from smolagents import LiteLLMModel, ToolCallingAgent, tool

look_up = tool(look_up_order)
model = LiteLLMModel(
    model_id=f"anthropic/{FORCED_MODEL}",
    cache_control_injection_points=[{"location": "message", "role": "system"}],
)
for question in QUESTIONS:
    agent = ToolCallingAgent(tools=[look_up], model=model, instructions=PROMPT, verbosity_level=0)
    print(agent.run(question))
