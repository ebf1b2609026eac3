"""LangGraph: a graph that calls the model with tools and a cached system prompt."""

from __future__ import annotations

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from shop import MODEL, PROMPT, QUESTIONS, cancel, look_up

MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
model = ChatAnthropic(model=MODEL, max_tokens=50).bind_tools([look_up, cancel])


async def answer(state: MessagesState) -> dict[str, list[object]]:
    """One model call of the graph."""
    return {
        "messages": [await model.ainvoke([SystemMessage(content=[MARKED]), *state["messages"]])]
    }


async def main() -> None:
    """Ask each question in a thread of its own."""
    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    graph = builder.compile()
    for question in QUESTIONS:
        state = await graph.ainvoke({"messages": [HumanMessage(content=question)]})
        print(state["messages"][-1].content)


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
