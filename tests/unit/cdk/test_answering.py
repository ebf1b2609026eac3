"""Events that ask, and a front end that puts them: as docs/ask.md says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_events as events

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.ask_event import SOURCE, AskEvent
from prefixwarm_cdk import KeepWarm

TEXT = (Path(__file__).parents[3] / "docs" / "ask.md").read_text()


def rules(template: Any, read: Any) -> list[dict[str, Any]]:
    """The rules that ask."""
    rules = read.resources(template, "AWS::Events::Rule")
    return [rule for rule in rules if rule["EventPattern"].get("source") == [SOURCE]]


def test_events_ask_only_where_the_user_says_so(bench: Any, read: Any) -> None:
    """The rule starts the function, without retries; what cannot be delivered is kept."""
    warmer = bench.warmer()
    warmer.answer_events()
    (rule,) = rules(bench.template(), read)
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert "DeadLetterConfig" in target
    assert "EventBusName" not in rule


def test_by_default_no_event_asks(template: Any, read: Any) -> None:
    """Whoever may put events on the account's bus could."""
    assert rules(template, read) == []


def test_several_buses(bench: Any, read: Any) -> None:
    """A rule for each."""
    warmer = bench.warmer()
    for name in ("One", "Other"):
        warmer.answer_events(events.EventBus(bench.stack, name))
    assert len(rules(bench.template(), read)) == 2


def test_there_must_be_somebody_to_ask(bench: Any) -> None:
    """Without the keep-warm function there is not."""
    with pytest.raises(UsageError, match="no keep-warm function to ask"):
        bench.warmer(keep_warm=KeepWarm.off()).answer_events()


def test_the_front_end_of_the_guide(bench: Any, read: Any) -> None:
    """Its event is an ask that the function understands, of prefixes that the caller cannot choose;
    its rate is limited, and its role may put events on that bus alone.
    """
    block = re.search(r"```python\n(from aws_cdk import CfnOutput.*?)```", TEXT, re.DOTALL)
    assert block is not None
    exec(block[1], {"stack": bench.stack, "warmer": bench.warmer()})
    template = bench.template()
    (integration,) = read.resources(template, "AWS::ApiGatewayV2::Integration")
    assert integration["IntegrationSubtype"] == "EventBridge-PutEvents"
    put = integration["RequestParameters"]
    assert "$request" not in json.dumps(put)
    event = {"source": put["Source"], "detail": json.loads(put["Detail"])}
    assert AskEvent.of(event) == AskEvent(("support",), wait=False, needed_for_seconds=120.0)
    (stage,) = read.resources(template, "AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": 5,
        "ThrottlingRateLimit": 1,
    }
    (rule,) = rules(template, read)
    assert rule["EventBusName"] == put["EventBusName"]
    may_put = [s for s in read.statements(template) if s["Action"] == "events:PutEvents"]
    (bus,) = template.find_resources("AWS::Events::EventBus")
    assert [s["Resource"] for s in may_put] == [{"Fn::GetAtt": [bus, "Arn"]}]


def test_the_event_of_the_guide() -> None:
    """As the command writes it."""
    command = re.search(r"put-events --entries '(.*)'", TEXT)
    assert command is not None
    (entry,) = json.loads(command[1])
    event = {"source": entry["Source"], "detail": json.loads(entry["Detail"])}
    assert AskEvent.of(event) == AskEvent(("support",), wait=False)


def test_the_answers_of_the_guide() -> None:
    """The ask is understood, and the answers have the fields of the handler's."""
    ask, answer, refusal = map(json.loads, re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
    assert AskEvent.of(ask) == AskEvent(("support",), needed_for_seconds=300.0)
    assert set(answer["outcomes"][0]) == {"name", "outcome", "reason", "warm_until", "cost_usd"}
    assert set(refusal["error"]) == {"type", "message"}
