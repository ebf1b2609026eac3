"""What attaching gives a function whose runtime has no Python: it asks for its warm calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from prefixwarm.errors import UsageError
from prefixwarm_cdk import KeepWarm

if TYPE_CHECKING:
    from aws_cdk import assertions


OTHERS = {
    "nodejs": lambda_.Runtime.NODEJS_22_X,
    "java": lambda_.Runtime.JAVA_21,
    "dotnet": lambda_.Runtime.DOTNET_8,
    "ruby": lambda_.Runtime.RUBY_3_4,
}


@pytest.mark.parametrize("runtime", OTHERS.values(), ids=OTHERS)
def test_where_there_is_no_python_the_layer_may_ask_and_nothing_else(
    bench: Any, runtime: lambda_.Runtime
) -> None:
    """The keep-warm function's name, its invocation, and reads of its own states."""
    code = lambda_.Code.from_asset(str(Path(__file__).parent))
    bench.warmer().attach(bench.function(runtime=runtime, code=code))
    template = bench.template()
    (agent,) = template.find_resources(
        "AWS::Lambda::Function", {"Properties": {"Runtime": runtime.name}}
    ).values()
    variables = agent["Properties"]["Environment"]["Variables"]
    assert variables["PREFIXWARM_ASK"]["Ref"].startswith("WarmKeepWarmFunction")
    assert "PREFIXWARM_API_KEY_SECRET" not in variables
    assert _actions(template, "AgentServiceRole") == [
        "dynamodb:BatchGetItem",
        "lambda:InvokeFunction",
    ]
    assert bench.warnings() == []


def test_in_a_runtime_of_ones_own_it_may_do_both(bench: Any) -> None:
    """There may be a Python."""
    code = lambda_.Code.from_asset(str(Path(__file__).parent))
    bench.warmer().attach(bench.function(runtime=lambda_.Runtime.PROVIDED_AL2023, code=code))
    actions = _actions(bench.template(), "AgentServiceRole")
    assert {"dynamodb:UpdateItem", "dynamodb:BatchGetItem", "lambda:InvokeFunction"} < {*actions}
    assert "secretsmanager:GetSecretValue" in actions


def test_what_its_starts_may_spend_holds_for_its_asks(bench: Any) -> None:
    """The keep-warm function allows as much as the most generous of those that ask."""
    warmer = bench.warmer()
    code = lambda_.Code.from_asset(str(Path(__file__).parent))
    for name, usd in (("One", 3.0), ("Two", 2.0)):
        runtime = lambda_.Runtime.NODEJS_22_X
        function = bench.function(name=name, runtime=runtime, code=code)
        warmer.attach(function, init_usd_per_week=usd)
    texts = {
        logical: function["Properties"]["Environment"]["Variables"]["PREFIXWARM_INIT_USD_PER_WEEK"]
        for logical, function in bench.template().find_resources("AWS::Lambda::Function").items()
    }
    assert sorted(texts.values()) == ["2.0", "3.0", "3.0"]


def test_a_python_function_is_not_allowed_to_ask(template: assertions.Template) -> None:
    """It warms by itself."""
    assert "lambda:InvokeFunction" not in _actions(template, "AgentServiceRole")
    assert "PREFIXWARM_ASK" not in json.dumps(template.to_json())


def test_what_only_asks_needs_somebody_to_ask(bench: Any) -> None:
    """Without a keep-warm function nothing warms."""
    warmer = bench.warmer(keep_warm=KeepWarm.off())
    warmer.attach(bench.function(runtime=lambda_.Runtime.NODEJS_22_X))
    assert any("nothing is warmed there" in text for text in bench.warnings())
    with pytest.raises(UsageError, match="no keep-warm function to ask"):
        warmer.grant_ask(bench.function(name="Other"))


def test_a_function_of_another_stack_may_ask(bench: Any) -> None:
    """Its stack depends on the warmer's, and nothing the other way round."""
    agents = Stack(bench.app, "Agents")
    bench.warmer().attach(bench.function(agents, runtime=lambda_.Runtime.NODEJS_22_X))
    assert "lambda:InvokeFunction" in _actions(bench.template(agents), "AgentServiceRole")
    assert [stack.stack_name for stack in agents.dependencies] == [bench.stack.stack_name]


def _actions(template: assertions.Template, role: str) -> list[str]:
    """What the role of this logical id may do."""
    actions: set[str] = set()
    for policy in template.find_resources("AWS::IAM::Policy").values():
        owners = [reference["Ref"] for reference in policy["Properties"]["Roles"]]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if any(owner.startswith(role) for owner in owners):
                action = statement["Action"]
                actions |= {action} if isinstance(action, str) else set(action)
    return sorted(actions)
