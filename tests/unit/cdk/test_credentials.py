"""Credentials as references and least grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from prefixwarm.errors import UsageError
from prefixwarm.prefix import prefix_file
from prefixwarm_cdk import Credentials
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORGANIZATION = "6d1f3a52-0000-4000-8000-000000000001"


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
    with pytest.raises(UsageError, match=r"prefix support: .*use Credentials\.workload_identity"):
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


def converse(folder: Path, model: str, **changes: Any) -> Path:
    """A prefix file of Bedrock's Converse."""
    request = {
        "modelId": model,
        "system": [{"text": "You are the support agent. " * 200}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        **changes,
    }
    built = prefix_file.build("talk", derive(request), route="bedrock-converse")
    return prefix_file.write(built, folder)


def test_converse_needs_the_right_of_invoke_model(
    bench: Any, read: Any, write_prefix: Callable[..., Path], tmp_path: Path
) -> None:
    """One statement for both routes, and one for the guardrail that its request names."""
    guard = {"guardrailIdentifier": "gr1", "guardrailVersion": "1"}
    models = "anthropic.claude-sonnet-5-5", "anthropic.claude-opus-5-5"
    bench.warmer(
        prefixes=[
            write_prefix(route="bedrock", model=models[0]),
            converse(tmp_path, models[1], guardrailConfig=guard),
        ],
        credentials=Credentials.function_role(),
    )
    statements = read.statements(bench.template())
    (granted,) = [s for s in statements if s["Action"] == "bedrock:InvokeModel"]
    assert all(f"::foundation-model/{model}" in str(granted["Resource"]) for model in models)
    (granted,) = [s for s in statements if s["Action"] == "bedrock:ApplyGuardrail"]
    assert ":guardrail/gr1" in str(granted["Resource"])


def keyless(**ids: str) -> Credentials:
    """Workload identity with ids of the right form."""
    arguments = {"federation_rule_id": "fdrl_1", "organization_id": ORGANIZATION, **ids}
    return Credentials.workload_identity(**arguments)


def test_workload_identity_stores_nothing(bench: Any, read: Any) -> None:
    """Both functions get ids under the SDK's names, and no key."""
    bench.warmer(credentials=keyless(workspace_id="wrkspc_1")).attach(bench.function())
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    assert len(functions) == 2
    for function in functions:
        variables = function["Environment"]["Variables"]
        assert {k: v for k, v in variables.items() if k.startswith("ANTHROPIC")} == {
            "ANTHROPIC_FEDERATION_RULE_ID": "fdrl_1",
            "ANTHROPIC_ORGANIZATION_ID": ORGANIZATION,
            "ANTHROPIC_WORKSPACE_ID": "wrkspc_1",
        }
        assert "PREFIXWARM_API_KEY_SECRET" not in variables


def test_roles_may_identify_themselves_to_the_claude_api_alone(bench: Any, read: Any) -> None:
    """One statement for each role: this audience and no other beside it, for five minutes."""
    role = iam.Role(bench.stack, "Own", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    bench.warmer(credentials=keyless()).attach(bench.function(role=role))
    template = bench.template()
    granted = [s for s in read.statements(template) if "sts" in str(s["Action"])]
    assert (
        granted
        == [
            {
                "Action": "sts:GetWebIdentityToken",
                "Effect": "Allow",
                "Resource": "*",
                "Condition": {
                    "ForAllValues:StringEquals": {
                        "sts:IdentityTokenAudience": ["https://api.anthropic.com"]
                    },
                    "Null": {"sts:IdentityTokenAudience": "false"},
                    "NumericLessThanEquals": {"sts:DurationSeconds": 300},
                },
            }
        ]
        * 2
    )
    policies = read.resources(template, "AWS::IAM::Policy")
    holders = [p["Roles"] for p in policies if "GetWebIdentityToken" in str(p)]
    assert sorted(str(roles) for roles in holders) == sorted(set(map(str, holders)))


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("federation_rule_id", "rule-1", "fdrl_01Abc"),
        ("federation_rule_id", "fdrl_", "fdrl_01Abc"),
        ("organization_id", "org_1", "6d1f3a52-"),
        ("service_account_id", "sa_1", "svac_01Abc"),
        ("workspace_id", "team", "wrkspc_01Abc"),
    ],
)
def test_ids_that_are_mixed_up(name: str, value: str, example: str) -> None:
    """Each id shows in its form what it is."""
    with pytest.raises(UsageError, match=rf"{name}='{value}'\): write it like {example}"):
        keyless(**{name: value})


def test_ids_may_be_parameters_of_the_stack(bench: Any) -> None:
    """What is known at deployment only is not checked."""
    parameter = CfnParameter(bench.stack, "Rule").value_as_string
    bench.warmer(credentials=keyless(federation_rule_id=parameter, workspace_id="default"))
    bench.template().has_parameter("Rule", {"Type": "String"})


def test_signed_routes_need_no_federation(bench: Any, write_prefix: Callable[..., Path]) -> None:
    """The message says what to use."""
    with pytest.raises(UsageError, match=r"'aws' has no federation.*function_role"):
        bench.warmer(prefixes=[write_prefix(route="aws")], credentials=keyless())


CONVERSE = {
    "modelId": "anthropic.claude-sonnet-5-5",
    "system": [{"text": "You are the support agent. " * 200}],
    "messages": [{"role": "user", "content": [{"text": "hello"}]}],
}


@pytest.fixture
def talk(tmp_path: Any) -> Any:
    """A prefix of Converse."""
    derived = derive(CONVERSE)
    return prefix_file.write(prefix_file.build("talk", derived, route="bedrock-converse"), tmp_path)


def test_a_function_of_two_routes_is_served(bench: Any, talk: Any, read: Any) -> None:
    """Each prefix with the credentials of its route; the key is named for one of them."""
    by_route = {
        "anthropic": Credentials.secret(bench.secret),
        "bedrock-converse": Credentials.function_role(),
    }
    bench.warmer(prefixes=[bench.prefix, talk], credentials=by_route).attach(bench.function())
    template = bench.template()
    arn = bench.secret.secret_arn
    for function in read.resources(template, "AWS::Lambda::Function"):
        variables = function["Environment"]["Variables"]
        assert variables["PREFIXWARM_API_KEY_SECRET"] == f"anthropic={arn}"
    allowed = {str(statement["Action"]) for statement in read.statements(template)}
    assert any("secretsmanager:GetSecretValue" in actions for actions in allowed)
    assert any("bedrock:InvokeModel" in actions for actions in allowed)


def test_one_key_for_routes_of_different_keys_is_refused(bench: Any, talk: Any) -> None:
    """It would be sent to whom it does not belong to."""
    with pytest.raises(UsageError, match="need different keys; give credentials by route"):
        bench.warmer(prefixes=[bench.prefix, talk])


@pytest.mark.parametrize(
    ("by_route", "words"),
    [
        (
            {"claude": "role"},
            r"\(credentials=...\): 'claude' is no route; write some of anth",
        ),
        ({"anthropic": "text"}, r"\(credentials=...\): of anthropic are a plain str; pass Cred"),
        ({"anthropic": "secret"}, "prefix talk: there are no credentials for its route"),
        ({"anthropic": "role", "bedrock-converse": "role"}, "'anthropic' does not accept"),
    ],
)
def test_credentials_by_route_are_checked(
    bench: Any, talk: Any, by_route: dict[str, str], words: str
) -> None:
    """Each as it would be alone."""
    made = {
        "secret": Credentials.secret(bench.secret),
        "role": Credentials.function_role(),
        "text": "sk-ant-not-a-key",
    }
    credentials = {route: made[kind] for route, kind in by_route.items()}
    with pytest.raises(UsageError, match=words):
        bench.warmer(prefixes=[bench.prefix, talk], credentials=credentials)
