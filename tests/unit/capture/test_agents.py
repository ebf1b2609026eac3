"""Which requests are one agent's, and which of several agents get a file."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.capture.agents import agents
from prefixwarm.capture.extract import prefixes_from_requests

TASK = "Answer the question about parcels with care. " * 150
CHAT = f"Your fields are `question` and `answer`.\n\n[[ ## answer ## ]]\n{{answer}}\n\n{TASK}"
JSON = f'Your fields are `question` and `answer`.\nOutputs are JSON:\n{{"answer": "a"}}\n{TASK}'


def sent(captured: Any, make_body: Any, *systems: str, **changes: Any) -> list[Any]:
    """A request of each system prompt, with a question of its own."""
    return [
        captured(make_body(f"question {i}", system=text, tools=[], **changes))
        for i, text in enumerate(systems)
    ]


@pytest.mark.parametrize(
    ("systems", "count"),
    [
        ((CHAT, JSON, CHAT, JSON), 2),
        ((CHAT, CHAT, JSON), 2),
        ((CHAT, JSON), 1),
        ((f"Ada\n{TASK}", f"Bo\n{TASK}", f"Ada\n{TASK}", f"Bo\n{TASK}"), 1),
        (tuple(f"It is 2026-11-2{i}.\n{TASK}" for i in range(4)), 1),
        ((f"Notes:\na\n{TASK}", f"Notes:\na\nb\n{TASK}", f"Notes:\n{TASK}"), 1),
    ],
)
def test_two_texts_that_are_sent_again_are_two_agents(
    captured: Any, make_body: Any, systems: tuple[str, ...], count: int
) -> None:
    """But a value that varies, or a text that never comes again, is one agent's divergence."""
    assert len(agents(sent(captured, make_body, *systems))) == count


RULES = " ".join(f"Rule {i} says that parcel {i} goes by road {i}." for i in range(60))
HEAD = "Your fields are `question` and `answer`.\nAll is structured in this way.\n\n"
ASKED = "[[ ## question ## ]]\nWhere is order 7?\n\n"
# What DSPy's adapters make of one task: the prompt, and the message that holds the question.
ADAPTERS = {
    "chat": (
        f"{HEAD}[[ ## question ## ]]\n{{question}}\n\n[[ ## answer ## ]]\n{{answer}}\n\n{TASK}",
        f"{ASKED}Respond with the output fields, starting with `[[ ## answer ## ]]`.",
    ),
    "json": (
        HEAD + "Inputs have this structure:\n\n[[ ## question ## ]]\n{question}\n\n"
        'Outputs are JSON.\n\n{\n  "answer": "{answer}"\n}\n' + TASK,
        f"{ASKED}Respond with a JSON object of the fields `answer`.",
    ),
    "xml": (
        f"{HEAD}<question>\n{{question}}\n</question>\n\n<answer>\n{{answer}}\n</answer>\n{TASK}",
        "<question>\nWhere is order 7?\n</question>\n\nRespond in XML tags `<answer>`.",
    ),
}


@pytest.mark.parametrize("names", [("chat", "json"), ("json", "xml"), ("chat", "json", "xml")])
def test_adapters_with_one_question_each(
    captured: Any, make_body: Any, names: tuple[str, ...]
) -> None:
    """The same question in another form is another agent's."""
    bodies = [make_body(ADAPTERS[one][1], system=ADAPTERS[one][0], tools=[]) for one in names]
    assert len(agents([captured(body) for body in bodies])) == len(names)


@pytest.mark.parametrize(
    "systems",
    [
        (f"Serve Ada.\n{TASK}\nGreet Ada.", f"Serve Bo Li.\n{TASK}\nGreet Bo Li."),
        (f"Notes:\n- a: 1\n{TASK}", f"Notes:\n- b, c\n- d (e)\n{TASK}"),
        (
            f'Document 1:\n{{"a": [1]}}\nDocument 2:\nIt is late.\n{RULES}',
            f"Document 1:\n<p>On time</p>\n<p>Paid</p>\nDocument 2:\nWhy, yes!\n{RULES}",
        ),
    ],
)
def test_values_that_vary_with_a_common_form_of_questions(
    captured: Any, make_body: Any, systems: tuple[str, ...]
) -> None:
    """They are one agent's: its divergence is what to look at."""
    asked = ("Where is it?", "I want 2, now!")
    questions = [f"Answer in two sentences.\nQuestion: {question}" for question in asked]
    bodies = [
        make_body(question, system=text, tools=[])
        for question, text in zip(questions, systems, strict=True)
    ]
    assert len(agents([captured(body) for body in bodies])) == 1


def test_two_adapters_are_warmed_both(captured: Any, make_body: Any) -> None:
    """No divergence is said of either."""
    extracted = prefixes_from_requests(sent(captured, make_body, CHAT, JSON, CHAT, JSON), name="x")
    assert [(one.name, one.shared.divergence) for one in extracted if one.shared] == [
        ("x", None),
        ("x-2", None),
    ]


def test_an_agent_that_cannot_be_cached_gets_no_file(captured: Any, make_body: Any) -> None:
    """Beside one that can be; alone it gets its file, with the error."""
    (router,) = sent(captured, make_body, "Route it.", max_tokens=5)
    extracted = prefixes_from_requests([router, *sent(captured, make_body, TASK)], name="x")
    assert [(one.name, bool(one.prefix)) for one in extracted] == [("x", True), ("x", False)]
    assert [(f.rule.id, f.severity) for f in extracted[1].findings] == [("under-minimum", "note")]
    (alone,) = prefixes_from_requests([router], name="x")
    assert alone.prefix is not None
    assert ("under-minimum", "error") in [(f.rule.id, f.severity) for f in alone.findings]


def test_of_several_agents_that_cannot_be_cached_none_gets_a_file(
    captured: Any, make_body: Any
) -> None:
    """Each says so, as an error; beside one that can be cached, as a note."""
    short = sent(captured, make_body, "Route it.", "Name it.")
    extracted = prefixes_from_requests(short, name="x")
    assert [one.prefix for one in extracted] == [None, None]
    assert [[(f.rule.id, f.severity) for f in one.findings] for one in extracted] == [
        [("under-minimum", "error")]
    ] * 2
    bare = captured(make_body("Is it on?", system=[], tools=[]))
    extracted = prefixes_from_requests([*sent(captured, make_body, TASK), bare], name="x")
    assert [(one.name, bool(one.prefix)) for one in extracted] == [("x", True), ("x", False)]
    assert [(f.rule.id, f.severity) for f in extracted[1].findings] == [("unwarmable", "note")]
    parted = sent(captured, make_body, "It is 9:01. Title it.", "It is 9:02. Title it.")
    extracted = prefixes_from_requests([*sent(captured, make_body, *[TASK] * 3), *parted], name="x")
    assert [(f.rule.id, f.severity) for f in extracted[1].findings] == [
        ("divergence", "warning"),
        ("unwarmable", "note"),
    ]
    (alone,) = prefixes_from_requests([bare], name="x")
    assert [(f.rule.id, f.severity) for f in alone.findings] == [("unwarmable", "error")]


def test_why_one_agent_became_two(captured: Any, make_body: Any) -> None:
    """One line says which parameter."""
    low = sent(captured, make_body, TASK, TASK, output_config={"effort": "low"})
    extracted = prefixes_from_requests([*low, *sent(captured, make_body, TASK)], name="x")
    lines = [f for one in extracted for f in one.findings if f.rule.id == "parameters-differ"]
    assert [line.place for line in lines] == ["output_config.effort"]
    assert "'low'" in lines[0].message


def test_tools_in_changing_order(captured: Any, make_body: Any) -> None:
    """The finding holds the list to send."""
    bodies = [make_body(question) for question in "ab"]
    bodies[1]["tools"].reverse()
    (extracted,) = prefixes_from_requests([captured(body) for body in bodies], name="x")
    (line,) = [one for one in extracted.findings if one.rule.id == "tool-order"]
    assert line.message.endswith("sort them: buy, find")
