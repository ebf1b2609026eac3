"""Requests of something else than the warmed agent, and agents that were rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.observe.matcher import Matcher
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from tests.unit.observe.conftest import Comparisons

RULES = "\n".join(f"Rule {i}: parcels of kind {i} go by road {i * 7}." for i in range(120))
REWRITTEN = "\n".join(f"Law number {i} says: never send {i} boxes." for i in range(120))
ROUTER = "Answer with one word: billing, parcels or other."
USAGE = {"input_tokens": 9, "cache_read_input_tokens": 3}


@pytest.fixture
def warmed(make_body: Any) -> Any:
    """A prefix of tools and a real prompt."""
    return make_prefix("support", make_body(system=RULES))


@pytest.fixture
def parcels(make_watched: Any, warmed: Any) -> Any:
    """An observer of it."""
    return make_watched(warmed)


def send(watched: Any, request: Any) -> str:
    """Observe one request; what it was."""
    sent = watched.observer.begin(request, {})
    watched.observer.end(sent, USAGE)
    return str([line["result"] for line in watched.lines if "result" in line][-1])


def test_a_router_is_neither_drift_nor_silence(parcels: Any, make_body: Any) -> None:
    """Before and after the agent's own requests; its tokens are not the prefix's."""
    router = make_body(tools=[], system=ROUTER)
    assert [send(parcels, r) for r in (router, make_body(system=RULES), router)] == [
        "other",
        "hit",
        "other",
    ]
    line = parcels.lines[-1]
    assert line["AgentOther"] == 1
    assert not {"AgentDrift", "AgentReadTokens", "_aws"} & set(line)
    assert line["model"] == "claude-sonnet-5-5"
    assert "prefix" not in line
    assert parcels.drifts == []


@pytest.mark.parametrize(
    "changes",
    [
        {"system": RULES.replace("Rule 3:", "Rule three:")},
        {"tools": []},
        {"system": "You were " + RULES, "tools": []},
        {"system": REWRITTEN},
        {"system": RULES, "tools": [{"name": "seek", "input_schema": {}}]},
    ],
)
def test_a_changed_agent_has_drifted_at_once(
    parcels: Any, make_body: Any, changes: dict[str, Any]
) -> None:
    """In one tier or in both; also after requests that matched."""
    assert send(parcels, make_body(**{"system": RULES, **changes})) == "drift"
    assert send(parcels, make_body(system=RULES)) == "hit"
    assert send(parcels, make_body(**{"system": RULES, **changes})) == "drift"


def test_a_rewritten_agent_is_noticed_where_nothing_matches(
    make_watched: Any, make_body: Any, warmed: Any
) -> None:
    """By its first request, as it is about as long as the prefix."""
    watched = make_watched(warmed)
    request = make_body(tools=[{"name": "seek", "input_schema": {}}], system=REWRITTEN)
    assert send(watched, request) == "drift"
    assert [drift[:2] for drift in watched.drifts] == [("tools", "tools[0].name:0")]


def test_a_rewritten_agent_that_became_short(parcels: Any, make_body: Any) -> None:
    """Later, but not never: nothing else is sent."""
    seen = [send(parcels, make_body(tools=[], system="Sort it.")) for _ in range(60)]
    assert seen == ["other"] * 49 + ["drift"] * 11
    assert send(parcels, make_body(system=RULES)) == "hit"
    assert send(parcels, make_body(tools=[], system=ROUTER)) == "other"


def test_the_agent_on_another_model(parcels: Any, make_body: Any) -> None:
    """It was changed; or, beside its own, that is what it falls back to."""
    other = make_body(model="claude-opus-5-5", system=RULES)
    assert send(parcels, other) == "drift"
    assert parcels.drifts == [("shape", "model", "value")]
    assert send(parcels, make_body(system=RULES)) == "hit"
    assert parcels.observer.begin(other, {}) is None


def test_each_model_is_looked_at_alone(make_watched: Any, make_body: Any, warmed: Any) -> None:
    """A hit of one says nothing of another."""
    haiku = make_prefix("small", make_body(model="claude-haiku-5-5", system=REWRITTEN))
    watched = make_watched(warmed, haiku)
    assert send(watched, make_body(system=RULES)) == "hit"
    other = make_body(model="claude-haiku-5-5", tools=[], system=RULES)
    assert send(watched, other) == "drift"


def test_the_state_is_not_told(parcels: Any, make_body: Any) -> None:
    """A session begins with the warmed agent's request, not with the router's."""
    send(parcels, make_body(tools=[], system=ROUTER))
    assert parcels.observer.flush(30)
    assert parcels.state.due(9e9, 10, None).states == []
    assert list(parcels.state.table.items) == ["state/anthropic/-/default/support/-"]


def test_what_comes_in_turn_is_compared_once(
    warmed: Any, make_body: Any, comparisons: type[Comparisons]
) -> None:
    """Router, agent, router, agent: both are remembered, and eight requests at most."""
    matcher = Matcher([warmed], comparisons)
    for _ in range(3):
        matcher.match(make_body(system=RULES), {})
        matcher.match(make_body(tools=[], system=ROUTER), {})
    assert comparisons.results == [None, "tools"]
    numbered = [make_body(system=f"{RULES} {i}") for i in range(20)]
    for request in (*numbered, *reversed(numbered[12:])):
        matcher.match(request, {})
    assert len(comparisons.results) == 2 + 20
    matcher.match(numbered[11], {})
    assert len(comparisons.results) == 2 + 20 + 1
