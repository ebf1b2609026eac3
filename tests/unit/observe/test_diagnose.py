"""What the provider's verdict means, and which request asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.observe.diagnose import Diagnosis, drifted_tier, verdict
from prefixwarm.state.warm_state import State
from tests.helpers.prefixes import make_prefix


@pytest.mark.parametrize(
    ("diagnostics", "says"),
    [
        (None, "identical"),
        ({"cache_miss_reason": None}, "pending"),
        ({}, "pending"),
        ({"cache_miss_reason": {"type": "tools_changed"}}, "tools_changed"),
        ({"cache_miss_reason": {"new": 1}}, "unknown"),
    ],
)
def test_the_verdict_in_a_word(diagnostics: Any, says: str) -> None:
    """Also where the provider says less than it documents."""
    assert verdict(diagnostics) == says


@pytest.mark.parametrize(
    ("reason", "tier"),
    [
        ("messages_changed", None),
        ("system_changed", "system"),
        ("tools_changed", "tools"),
        ("model_changed", "shape"),
        ("unavailable", None),
        ("previous_message_not_found", None),
        ("identical", None),
    ],
)
def test_what_is_drift(prefix: Any, make_body: Any, reason: str, tier: str | None) -> None:
    """The placeholder always differs; of what nothing is known, nothing is said."""
    assert drifted_tier(reason, prefix, make_body()) == tier


def test_what_follows_the_prefix_is_no_drift(prefix: Any, make_body: Any) -> None:
    """A system prompt that goes on behind the warmed part differs as a whole."""
    request = make_body()
    request["system"] = [*request["system"], {"type": "text", "text": "Today is Friday."}]
    assert drifted_tier("system_changed", prefix, request) is None
    assert drifted_tier("tools_changed", prefix, request) == "tools"


def test_one_request_asks(prefix: Any, make_body: Any) -> None:
    """The first one for which a warm call is known."""
    diagnosis = Diagnosis()
    diagnosis.learn(prefix, State(key="k"))
    assert diagnosis.message_id(prefix, make_body()) == ""
    diagnosis.learn(prefix, State.of("k", message_id="msg_1"))
    own = make_body(diagnostics={"previous_message_id": "msg_0"})
    assert diagnosis.message_id(prefix, own) == ""
    assert [diagnosis.message_id(prefix, make_body()) for _ in "ab"] == ["msg_1", ""]


def test_only_the_claude_api_diagnoses(make_body: Any) -> None:
    """Other routes refuse what they do not know."""
    diagnosis, prefix = Diagnosis(), make_prefix("support", make_body(), route="aws")
    diagnosis.learn(prefix, State.of("k", message_id="msg_1"))
    assert diagnosis.message_id(prefix, make_body()) == ""
