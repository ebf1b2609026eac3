"""`prefixwarm try`: what is wrong is said before anything is started."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from prefixwarm.cli import try_
from prefixwarm.local.errors import NoModelCallError
from prefixwarm.local.measured_run import PrefixState

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "cdk.json: no such file; run this in the CDK app's folder"),
        (("--app", "x", "--event", "nope"), "--event 'nope': is neither a file nor JSON"),
        (("--app", "x", "--event", "{broken"), "--event '{broken': is neither a file nor JSON"),
        (("--app", "x", "--secret", "sk-ant-secret"), "--secret: write NAME=VALUE"),
        (("--app", "x", "-c", "=y"), "--context: write NAME=VALUE"),
        (("--app", "x", "--hours", "24"), "'--hours': 24.0 is not in the range"),
    ],
)
def test_bad_input_is_one_line(
    cli: Any, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    """Without what may be a secret."""
    result = cli("try", str(tmp_path), *options)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert says in result.err
    assert "sk-ant-secret" not in result.err


def test_event_is_json_or_a_file_with_it(tmp_path: Path) -> None:
    """Any JSON value is an event."""
    file = tmp_path / "event.json"
    file.write_text('{"question": "Where?"}')
    assert try_.event_of(str(file)) == {"question": "Where?"}
    assert try_.event_of("[1]") == [1]
    assert try_.event_of('{"a": "' + "x" * 5000 + '"}')["a"]


def test_default_event_asks_under_the_usual_names() -> None:
    """In the event, and in the body of a request."""
    assert (
        try_._EVENT["message"] == try_._EVENT["question"] == try_._EVENT["messages"][0]["content"]
    )
    assert json.loads(try_._EVENT["body"])["prompt"] == try_._EVENT["prompt"]


def test_what_was_logged_is_said_in_words() -> None:
    """A tick without a call is nothing to say."""
    init = {"service": "s", "by": "init", "prefix": "shop", "outcome": "skipped", "reason": "warm"}
    text = json.dumps({**init, "held_ms": 12.5})
    assert try_.log_line(text) == "log of init: shop, skipped, warm, held 12.5 ms"
    assert try_.log_line(json.dumps({"service": "s", "message": "tick", "due": 0})) == ""
    tick = {"service": "s", "message": "tick", "due": 1, "outcomes": {"refreshed": 1}}
    assert try_.log_line(json.dumps(tick)) == "log of keepwarm: 1 refreshed"


def test_warm_state_is_said_in_words() -> None:
    """Unknown dollars stay unknown."""
    state = PrefixState("shop", "claude-sonnet-5-5", "abc", 0.0, None, 5850, 2, None, "gave up")
    description = try_.state_line(state)
    assert description.startswith("shop (claude-sonnet-5-5, version abc): cold, 5,850 tokens, ")
    assert description.endswith("warm calls: 2 for unknown; gave up")
    never = PrefixState("shop", "claude-sonnet-5-5", "abc", 0.0, None, 0, 0, 0.0, "")
    assert "cold, unknown tokens, warm calls: 0 for $0" in try_.state_line(never)


@pytest.mark.parametrize(
    ("placeholders", "events", "hints"),
    [
        (
            ["shop/key"],
            (),
            (
                "; the value of shop/key was a placeholder (--secret NAME=VALUE)"
                "; its event was a made-up question (--event FILE or JSON)"
            ),
        ),
        ([], ("{}",), ""),
    ],
)
def test_function_without_a_model_call_names_what_to_choose(
    placeholders: list[str], events: tuple[str, ...], hints: str
) -> None:
    """What it ran with, and the user has not chosen."""
    deployed: Any = SimpleNamespace(placeholders=placeholders)
    with pytest.raises(NoModelCallError) as raised, try_.with_hints(deployed, events):
        raise NoModelCallError("it answered nothing")
    assert str(raised.value) == f"it answered nothing{hints}"


@pytest.mark.parametrize("module", ["ministack", "aws_lambda_powertools", "anthropic"])
def test_what_is_not_installed_is_named_before_anything_starts(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Whatever process would import it first."""
    monkeypatch.setitem(sys.modules, module, None)
    result = cli("try", str(tmp_path), "--app", "false")
    message = f"prefixwarm: try needs {module}: pip install 'prefixwarm[demo]'\n"
    assert (result.code, result.out, result.err) == (1, "", message)


def test_repeated_log_lines_are_counted() -> None:
    """A keep-warm function that refreshes for hours logs the same each time."""
    tick = json.dumps({"service": "s", "message": "tick", "due": 1, "outcomes": {"refreshed": 1}})
    start = json.dumps({"service": "s", "by": "init", "prefix": "shop", "outcome": "written"})
    last = SimpleNamespace(prefixes=(), log=(tick, tick, start, tick))
    pieces = list(try_.lines_after(cast("Any", SimpleNamespace(rounds=[last]))))
    assert pieces == [
        "log of keepwarm: 1 refreshed (2 times)",
        "log of init: shop, written",
        "log of keepwarm: 1 refreshed",
    ]
