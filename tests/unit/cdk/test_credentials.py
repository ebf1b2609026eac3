"""Credentials as references and least grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_ssm as ssm
from prefixwarm_cdk import Credentials

from prefixwarm.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_plain_text_is_refused() -> None:
    """A key must not enter a template."""
    plain: Any = "sk-ant-not-a-key"
    with pytest.raises(UsageError, match=r"pass the secretsmanager\.Secret construct") as refused:
        Credentials.secret(plain)
    assert plain not in str(refused.value)
    with pytest.raises(UsageError, match=r"pass the ssm\.StringParameter construct"):
        Credentials.ssm_parameter(plain)


def test_both_functions_may_read_the_secret_and_no_other(bench: Any, read: Any) -> None:
    """Two roles, one secret."""
    bench.warmer().attach(bench.function())
    granted = [s for s in read.statements(bench.template()) if "secretsmanager" in str(s["Action"])]
    assert len(granted) == 2
    assert {s["Resource"] for s in granted} == {bench.secret.secret_arn}


def test_a_parameter_is_passed_by_name(bench: Any, read: Any) -> None:
    """And may be read by its ARN."""
    parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
        bench.stack, "Parameter", parameter_name="/claude/key"
    )
    bench.warmer(credentials=Credentials.ssm_parameter(parameter)).attach(bench.function())
    template = bench.template()
    for function in read.resources(template, "AWS::Lambda::Function"):
        assert function["Environment"]["Variables"]["PREFIXWARM_API_KEY_SECRET"] == "/claude/key"
    assert sum("ssm:GetParameter" in s["Action"] for s in read.statements(template)) == 2


def test_the_claude_api_takes_no_signature(bench: Any) -> None:
    """The message says what to use."""
    with pytest.raises(UsageError, match=r"prefix support: .*use Credentials\.secret"):
        bench.warmer(credentials=Credentials.function_role())


def test_claude_platform_on_aws_needs_a_workspace(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """The header cannot be guessed."""
    with pytest.raises(UsageError, match="workspace_id='wrkspc_"):
        bench.warmer(prefixes=[write_prefix(route="aws")], credentials=Credentials.function_role())


@pytest.mark.parametrize(
    ("route", "model", "action", "resources"),
    [
        (
            "aws",
            "claude-sonnet-5-5",
            "aws-external-anthropic:CreateInference",
            [":aws-external-anthropic:", ":workspace/wrkspc_1"],
        ),
        (
            "bedrock-mantle",
            "anthropic.claude-sonnet-5-5",
            "bedrock-mantle:CreateInference",
            [":bedrock-mantle:", ":project/default"],
        ),
        (
            "bedrock",
            "anthropic.claude-sonnet-5-5",
            "bedrock:InvokeModel",
            [":bedrock:", "::foundation-model/anthropic.claude-sonnet-5-5"],
        ),
        (
            "bedrock",
            "eu.anthropic.claude-sonnet-5-5",
            "bedrock:InvokeModel",
            [":inference-profile/eu.anthropic.", "foundation-model/anthropic.claude-sonnet-5-5"],
        ),
    ],
)
def test_the_role_may_call_its_models_only(
    bench: Any,
    read: Any,
    write_prefix: Callable[..., Path],
    route: str,
    model: str,
    action: str,
    resources: list[str],
) -> None:
    """One action on one workspace, project or model."""
    bench.warmer(
        prefixes=[write_prefix(route=route, model=model)],
        credentials=Credentials.function_role(workspace_id="wrkspc_1"),
    )
    template = bench.template()
    (granted,) = [s for s in read.statements(template) if s["Action"] == action]
    assert all(part in str(granted["Resource"]) for part in resources)
    (function,) = read.resources(template, "AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    assert variables["ANTHROPIC_AWS_WORKSPACE_ID"] == "wrkspc_1"
    assert "PREFIXWARM_API_KEY_SECRET" not in variables
