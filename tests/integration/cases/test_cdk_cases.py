"""The cases about what is deployed, synthesised by CDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from prefixwarm.errors import PrefixwarmError
from prefixwarm_cdk import Credentials, PrefixWarmer

HERE = Path(__file__).parent


def warmer(stack: Stack, name: str, folder: Path) -> PrefixWarmer:
    """A warmer of one folder's prefix file."""
    secret = secretsmanager.Secret.from_secret_name_v2(stack, f"{name}Key", "key")
    files = [str(folder / "support.prefix.json")]
    return PrefixWarmer(stack, name, prefixes=files, credentials=Credentials.secret(secret))


def function(stack: Stack) -> lambda_.Function:
    """An agent."""
    return lambda_.Function(
        stack,
        "Agent",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
    )


def versions(folder: Path, flags: dict[str, Any], *, after: bool) -> list[str]:
    """The logical ids of the function's versions, its alias made before or after attaching."""
    stack = Stack(App(context=flags), "Stack")
    agent = function(stack)
    if after:
        agent.add_alias("live")
    warmer(stack, "Warmer", folder).attach(agent)
    if not after:
        agent.add_alias("live")
    return sorted(Template.from_stack(stack).find_resources("AWS::Lambda::Version"))


@pytest.mark.parametrize("flags", [{}, {"@aws-cdk/aws-lambda:recognizeLayerVersion": True}])
@pytest.mark.parametrize("after", [False, True])
def test_f10_a_changed_prefix_reaches_the_alias(flags: dict[str, Any], after: bool) -> None:
    """aws/aws-cdk#19098: the version is another one, whatever the app's feature flags."""
    first, second = (versions(HERE / "F10" / name, flags, after=after) for name in ("p1", "p2"))
    assert first != second
    assert first == versions(HERE / "F10/p1", flags, after=after)


def test_f17_two_warmers_on_one_function() -> None:
    """The second's settings would replace the first's: it is refused."""
    stack = Stack(App(), "Stack")
    agent = function(stack)
    warmer(stack, "One", HERE / "F17/p1").attach(agent)
    with pytest.raises((PrefixwarmError, ValueError), match="One"):
        warmer(stack, "Two", HERE / "F17/p2").attach(agent)
