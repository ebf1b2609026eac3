"""What several requests share, and which of them belong together."""

from __future__ import annotations

from typing import Any

from prefixwarm.capture.agents import agents
from prefixwarm.capture.shared import find_shared


def places(shared: Any) -> list[str]:
    """The shared blocks."""
    return [block.place for block in shared.prompt.blocks[: shared.end]]


def test_one_agent_whatever_the_question(make_body: Any, captured: Any) -> None:
    """Requests that differ in their messages are of one agent."""
    groups = agents([captured(make_body("a")), captured(make_body("b"))])
    assert [len(group) for group in groups] == [2]


def test_a_date_in_the_prompt_does_not_make_another_agent(make_body: Any, captured: Any) -> None:
    """Two versions of one prompt belong together, even when they differ at their start."""
    bodies = [make_body(system=f"Today is 2026-11-2{i}. You are a helper.") for i in (1, 2)]
    assert len(agents(map(captured, bodies))) == 1


def test_agents_apart(make_body: Any, captured: Any) -> None:
    """Another model, route, set of tools, thinking or prompt is another agent."""
    requests = [
        captured(make_body()),
        captured(make_body(model="claude-haiku-5-5")),
        captured(make_body(), route="aws"),
        captured(make_body(tools=make_body()["tools"][:1])),
        captured(make_body(thinking={"type": "disabled"})),
        captured(make_body(tools=[], system="Give this conversation a title of five words.")),
        captured(make_body(tools=[], system="Translate: Русский, 日本語, čeština 1:1 => €.")),
    ]
    assert [len(group) for group in agents(requests)] == [1] * 7


def test_a_forced_tool_is_the_same_agent(make_body: Any, captured: Any) -> None:
    """tool_choice does not reach tools and system."""
    forced = make_body(tool_choice={"type": "any"})
    assert len(agents([captured(make_body()), captured(forced)])) == 1


def test_one_conversation_is_one_witness(make_body: Any, captured: Any) -> None:
    """Further turns, and the same request again, say nothing about what is shared."""
    first = make_body()
    answer = [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "more"}]
    second = make_body(messages=[*first["messages"], *answer])
    shared = find_shared([captured(first), captured(second), captured(make_body())])
    assert (shared.conversations, shared.end, shared.divergence) == (1, None, None)
    assert shared.prompt.body == first


def test_all_of_tools_and_system(make_body: Any, captured: Any) -> None:
    """Nothing is cut when only the questions differ."""
    shared = find_shared([captured(make_body(q)) for q in "ab"])
    assert (shared.conversations, shared.end, shared.lost_tokens) == (2, None, 0)
    assert shared.prompt.body == make_body("a")


def test_shared_examples(make_body: Any, captured: Any) -> None:
    """Leading messages that all share belong to the prefix, as far as a breakpoint reads them."""
    marker = {"cache_control": {"type": "ephemeral"}}
    answer = [{"type": "text", "text": "4"}]

    def shared(*, caches: Any, marked: dict[str, Any]) -> Any:
        examples = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": answer}]
        last = [{"role": "user", "content": [{"type": "text", "text": q, **marked}]} for q in "ab"]
        bodies = [make_body(messages=[*examples, question]) for question in last]
        for body in bodies if not caches else ():
            del body["system"][1]["cache_control"]
        return find_shared([captured(body) for body in bodies])

    for caches, marked in ((False, {}), (True, marker)):
        assert places(shared(caches=caches, marked=marked))[-1] == "messages[1].content[0]"
    missed = shared(caches=True, marked={})
    assert (missed.end, missed.uncached[-1].place) == (None, "messages[1].content[0]")
    answer[0].update(marker)  # type: ignore[arg-type]
    assert places(shared(caches=True, marked={}))[-1] == "messages[1].content[0]"


def test_a_document_before_the_question(make_body: Any, captured: Any) -> None:
    """The shared part may end inside the first message; its last block is the request's own."""
    document = {"type": "text", "text": "A contract.", "cache_control": {"type": "ephemeral"}}
    contents = [[document, {"type": "text", "text": question}] for question in "ab"]
    bodies = [make_body(messages=[{"role": "user", "content": item}]) for item in contents]
    shared = find_shared([captured(item) for item in bodies])
    assert places(shared)[-1] == "messages[0].content[0]"


def test_cut_where_they_part(make_body: Any, captured: Any) -> None:
    """The run ends before the block that differs; its last block gets the breakpoint."""
    bodies = [make_body("q") for _ in range(3)]
    for i, body in enumerate(bodies):
        body["system"][1]["text"] = f"It is 2026-11-2{i}. " + "be kind. " * 200
    shared = find_shared([captured(body) for body in bodies])
    assert places(shared) == ["tools[0]", "tools[1]", "system[0]"]
    assert shared.divergence is not None
    assert (shared.divergence.place, shared.divergence.why) == ("system[1].text", "date")
    assert shared.lost_tokens > 400


def test_the_shortest_common_run_counts(make_body: Any, captured: Any) -> None:
    """Of three conversations the two that share least decide."""
    bodies = [make_body(q) for q in "abc"]
    bodies[2]["tools"][1]["description"] = "buys"
    shared = find_shared([captured(body) for body in bodies])
    assert places(shared) == ["tools[0]"]
    assert shared.divergence is not None
    assert shared.divergence.place == "tools[1].description"


def test_nothing_shared(make_body: Any, captured: Any) -> None:
    """Where the first block differs there is nothing, and it is said where."""
    bodies = [make_body(tools=[], system=f"Now: 2026-11-21T0{i}:00:00Z. Help.") for i in (1, 2)]
    shared = find_shared([captured(body) for body in bodies])
    assert places(shared) == []
    assert shared.divergence is not None
    assert shared.divergence.why == "timestamp"
