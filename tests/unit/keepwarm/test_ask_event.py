"""What asks and what ticks; a bad ask is one line that says what to write."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.ask_event import AskEvent

SCHEDULED = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}
DEPLOYED = {"source": "aws.cloudformation", "detail": {"stack-id": "warm"}}


def asked_by_event(detail: object) -> dict[str, Any]:
    """As EventBridge delivers it."""
    return {"version": "0", "source": "prefixwarm.ask", "detail-type": "ask", "detail": detail}


@pytest.mark.parametrize("event", [{}, SCHEDULED, DEPLOYED])
def test_a_tick_asks_for_nothing(event: dict[str, Any]) -> None:
    """By EventBridge Scheduler, after a deployment, or by hand."""
    assert AskEvent.of(event) is None


def test_what_is_left_out_has_a_default() -> None:
    """A name is asked for once."""
    assert AskEvent.of({"warm": ["b", "a", "b"]}) == AskEvent(("b", "a"), True, 60.0)


def test_the_caller_may_say_more() -> None:
    """All of it."""
    event = {"warm": ["support"], "wait": False, "needed_for_seconds": 300, "function": "agent-1"}
    assert AskEvent.of(event) == AskEvent(("support",), False, 300.0, "agent-1")


def test_nobody_waits_for_an_event() -> None:
    """Its answer reaches nobody."""
    event = asked_by_event({"warm": ["support"], "wait": True, "function": "agent"})
    assert AskEvent.of(event) == AskEvent(("support",), wait=False)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (None, "the event is not an object"),
        (["support"], "the event is not an object"),
        ({"warn": ["support"]}, "'warn': is not a field of an ask"),
        ({"warm": ["support"], "needed_for": 3}, "'needed_for': is not a field of an ask"),
        ({"wait": True}, "warm: is not a list of prefix names"),
        ({"warm": "support"}, "warm: is not a list of prefix names"),
        ({"warm": []}, "warm: is not a list of prefix names"),
        ({"warm": [""]}, "warm: '': is not a name"),
        ({"warm": [["support"]]}, "is not a name"),
        ({"warm": [str(n) for n in range(21)]}, "warm: 21 names; ask for at most 20"),
        ({"warm": ["support"], "wait": "yes"}, "wait: 'yes': write true or false"),
        ({"warm": ["support"], "needed_for_seconds": True}, "needed_for_seconds: 'True'"),
        ({"warm": ["support"], "needed_for_seconds": -1}, "write seconds from 0 to 3600"),
        ({"warm": ["support"], "needed_for_seconds": 3601}, "write seconds from 0 to 3600"),
        ({"warm": ["support"], "needed_for_seconds": float("nan")}, "'nan': write seconds"),
        ({"warm": ["support"], "needed_for_seconds": None}, "'None': write seconds"),
        (
            {"warm": ["support"], "function": 7},
            "function: '7': write the name of a Lambda function",
        ),
        ({"warm": ["support"], "function": "a b"}, "function: 'a b': write the name"),
        ({"warm": ["support"], "usd_per_week": -1}, "usd_per_week: '-1': write US dollars"),
        ({"warm": ["support"], "usd_per_week": True}, "usd_per_week: 'True': write US dollars"),
        ({"warm": ["support"], "usd_per_week": float("inf")}, "'inf': write US dollars"),
        (asked_by_event("support"), "detail: is not an object"),
        (asked_by_event({"name": "support"}), "'name': is not a field of an ask"),
    ],
)
def test_a_bad_ask_is_refused(event: object, says: str) -> None:
    """Nothing of it is guessed."""
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        AskEvent.of(event)
    assert says in str(caught.value)


def test_what_is_refused_cannot_steer_a_log() -> None:
    """Nor does a key that was mistaken for a name show."""
    with pytest.raises(UsageError) as caught:
        AskEvent.of({"warm": ["sk-ant-0123456789abcdef", 7, "\x1b[2J"], "\x1b]0;x": 1})
    assert "\x1b" not in str(caught.value)
    with pytest.raises(UsageError) as caught:
        AskEvent.of({"warm": ["support"], "wait": "sk-ant-0123456789abcdef"})
    assert "0123456789" not in str(caught.value)
