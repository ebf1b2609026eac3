"""Which prefix a request belongs to, and the first tier that differs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.observe.matcher import Matcher
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from tests.unit.observe.conftest import Comparisons


@pytest.fixture
def drift(prefix: Any) -> Any:
    """The tier in which a request drifted."""
    matcher = Matcher([prefix])

    def find(request: dict[str, Any], **headers: str) -> str | None:
        match = matcher.match(request, headers)
        assert match is not None
        return match.drift

    return find


def test_the_agents_requests_match(drift: Any, make_body: Any) -> None:
    """Whatever the question; markers do not matter."""
    assert drift(make_body("a")) is None
    unmarked = make_body("b")
    unmarked["system"] = "You are a helper. " * 400
    assert drift(unmarked) is None


@pytest.mark.parametrize(
    ("changes", "tier"),
    [
        ({"tools": []}, "tools"),
        (
            {"tools": [{"name": "find", "input_schema": {"properties": {}, "type": "object"}}]},
            "tools",
        ),
        ({"system": "You were a helper."}, "system"),
        ({"thinking": {"type": "disabled"}}, "shape"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"output_config": {"effort": "low"}}, "shape"),
        ({"output_config": {"effort": "high"}}, None),
        ({"tool_choice": {"type": "any"}}, None),
        ({"temperature": 0.3}, None),
    ],
)
def test_the_first_tier_that_differs(
    drift: Any, make_body: Any, changes: dict[str, Any], tier: str | None
) -> None:
    """Key order counts, defaults and the messages tier do not."""
    assert drift(make_body(**changes)) == tier


def test_blocks_behind_the_prefix_do_not_matter(drift: Any, make_body: Any) -> None:
    """A further system block is the request's own."""
    request = make_body()
    request["system"] = [*request["system"], {"type": "text", "text": "You serve Ann."}]
    assert drift(request) is None


def test_betas_are_compared_where_they_are_known(drift: Any, make_body: Any) -> None:
    """A client's default headers are not seen, so a missing one proves nothing."""
    assert drift(make_body(), **{"anthropic-beta": "x"}) == "shape"
    assert drift(make_body()) is None


def test_another_model(prefix: Any, make_body: Any) -> None:
    """The agent's request is known all the same; another agent's is nobody's."""
    matcher = Matcher([prefix])
    match = matcher.match(make_body(model="claude-haiku-5-5"), {})
    assert (match.warmed.prefix, match.drift) == (prefix, "shape")
    assert matcher.match(make_body(model="claude-haiku-5-5", tools=[], system="No."), {}) is None
    assert Matcher([]).match(make_body(), {}) is None


DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}
CITED = {**DOCUMENT, "citations": {"enabled": True}}


@pytest.mark.parametrize(
    ("content", "shared", "tier"),
    [
        ([DOCUMENT], False, None),
        ([{**DOCUMENT, "citations": {"enabled": False}}], False, None),
        ([CITED], False, "system"),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [CITED]}], False, "system"),
        ([IMAGE], False, None),
        ([IMAGE], True, "messages"),
    ],
)
def test_what_the_conversation_changes_in_front_of_it(
    make_body: Any, content: Any, shared: bool, tier: str | None
) -> None:
    """Citations reach the system prompt, images the messages; each turn is looked at."""
    examples = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    plain = make_body(messages=[*examples, {"role": "user", "content": "3+3?"}])
    matcher = Matcher([make_prefix("x", plain, shared_messages=2 if shared else 0)])
    assert matcher.match(plain, {}).drift is None
    request = make_body(messages=[*examples, {"role": "user", "content": content}])
    assert matcher.match(request, {}).drift == tier


def test_the_nearest_of_several(prefix: Any, make_body: Any) -> None:
    """The one that agrees; else the one that agrees longest."""
    other = make_prefix("other", make_body(system="Other. " * 900))
    third = make_prefix("third", make_body(tools=[], system="Third. " * 900))
    matcher = Matcher([third, other, prefix])
    match = matcher.match(make_body(), {})
    assert (match.warmed.prefix.name, match.drift) == ("support", None)
    match = matcher.match(make_body(system="You were"), {})
    assert (match.warmed.prefix.name, match.drift) == ("other", "system")


def test_shared_messages(make_body: Any) -> None:
    """Examples belong to the prefix, and then tool_choice does too."""
    examples = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    request = make_body(messages=[*examples, {"role": "user", "content": "3+3?"}])
    matcher = Matcher([make_prefix("x", request, shared_messages=2)])
    assert matcher.match(request, {}).drift is None
    changed = copy.deepcopy(request)
    changed["messages"][1]["content"] = "5"
    assert matcher.match(changed, {}).drift == "messages"
    assert matcher.match({**request, "tool_choice": {"type": "none"}}, {}).drift == "messages"


def test_what_did_not_change_is_compared_once(
    prefix: Any, make_body: Any, comparisons: type[Comparisons]
) -> None:
    """New objects with the same content, changed in place, changed back: only content counts."""
    matcher = Matcher([prefix], comparisons)
    request = make_body()
    for question in "abc":
        matcher.match(
            copy.deepcopy({**request, "messages": [{"role": "user", "content": question}]}), {}
        )
    assert comparisons.results == [None]
    request["system"][0]["text"] = "changed in place"
    matcher.match(request, {})
    assert comparisons.results == [None, "system"]


def test_what_is_not_json_is_refused(prefix: Any, make_body: Any) -> None:
    """The observer drops such a request; sentinels of the SDK at the top do not matter."""
    matcher = Matcher([prefix])
    assert matcher.match(make_body(thinking=object()), {}).drift is None
    with pytest.raises(ValueError, match="unmarshallable"):
        matcher.match(make_body(tools=[object()]), {})
