"""The command allows a function what the construct allows it, and no more."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from prefixwarm.local.toolchain import Tools
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.prefix_file import build
from tests.helpers.agents import request_of
from tests.helpers.derived import derive
from tests.integration.attach.conftest import REGION

# The kernel of the constructs reads these when it starts.
os.environ.setdefault("JSII_NODE", str(Tools().node()))
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")

from aws_cdk import App, Environment, Stack, assertions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm

from prefixwarm_cdk import Credentials, PrefixWarmer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.attach.conftest import Account

ACCOUNT = "123456789012"
DESCRIBING = {"DescribeSecret", "DescribeParameters", "GetParameters", "GetParameterHistory"}
NO_KEY = {"PREFIXWARM_API_KEY_SECRET": ""}
IDS = {
    "federation_rule_id": "fdrl_01Abc",
    "organization_id": "6d1f3a52-0000-4000-8000-000000000001",
}


def secret(account: Account, stack: Stack) -> Credentials:
    arn = account.client("secretsmanager").describe_secret(SecretId="claude")["ARN"]
    imported = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", arn)
    return Credentials.secret(imported)


def parameter(account: Account, stack: Stack) -> Credentials:
    account.client("ssm").put_parameter(Name="/claude/key", Value="sk", Type="SecureString")
    account.configure(PREFIXWARM_API_KEY_SECRET="/claude/key")
    return Credentials.ssm_parameter(
        ssm.StringParameter.from_secure_string_parameter_attributes(
            stack, "Key", parameter_name="/claude/key"
        )
    )


def identity(account: Account, stack: Stack) -> Credentials:
    account.configure(ANTHROPIC_FEDERATION_RULE_ID=IDS["federation_rule_id"], **NO_KEY)
    return Credentials.workload_identity(**IDS)


def role(account: Account, stack: Stack) -> Credentials:
    version = {"anthropic_version": "bedrock-2023-05-31"}
    requests = {
        "in-region": "anthropic.claude-sonnet-5-5",
        "profile": "eu.anthropic.claude-sonnet-5-5",
    }
    files = []
    for name, model in requests.items():
        request = derive({**request_of(name), **version})
        files.append(build(name, {**request, "model": model}, route="bedrock", headers={}))
    account.upload(*files)
    account.configure(**NO_KEY)
    return Credentials.function_role()


def resolved(value: Any) -> Any:
    """With names in the place of references."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(map(str, resolved(value["Fn::Join"][1])))
    if "Ref" in value:
        return {"AWS::Partition": "aws"}.get(value["Ref"], value["Ref"])
    if "Fn::GetAtt" in value:
        kinds = (("Table", "the table"), ("KeepWarmFunction", "the keep-warm function"))
        return next(what for kind, what in kinds if kind in value["Fn::GetAtt"][0])
    return {key: resolved(item) for key, item in value.items()}


def statements(policies: Any) -> Iterator[tuple[set[str], set[str], str]]:
    """Actions, resources and conditions of each."""
    for statement in policies:
        condition = json.dumps(statement.get("Condition", {}), sort_keys=True)
        yield several(statement["Action"]), several(statement["Resource"]), condition


def several(value: str | list[str]) -> set[str]:
    """One or more, as policies write them."""
    return {value} if isinstance(value, str) else set(value)


def by_construct(
    credentials: Callable[..., Credentials], account: Account, folder: Path, runtime: str
) -> list[Any]:
    """What the construct allows the function's role."""
    app = App(outdir=str(folder / "cdk.out"), analytics_reporting=False)
    stack = Stack(app, "Warmer", env=Environment(account=ACCOUNT, region=REGION))
    own = credentials(account, stack)
    files = [prefix_file.write(file, folder) for file in account.files]
    code = folder / "code"
    code.mkdir()
    (code / "index.js").write_text("")
    agent = lambda_.Function(
        stack,
        "Agent",
        runtime=lambda_.Runtime(runtime, lambda_.RuntimeFamily.OTHER),
        handler="index.handler",
        code=lambda_.Code.from_asset(str(code)),
    )
    PrefixWarmer(stack, "Warm", prefixes=files, credentials=own).attach(agent)
    policies = assertions.Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    return [
        resolved(statement)
        for policy in policies.values()
        if any("Agent" in role["Ref"] for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def by_command(account: Account) -> list[Any]:
    """What the command would."""
    text = json.dumps(account.planned(boto3.Session()).policy["Statement"])
    places = {
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/warm": "the table",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-keep-warm": "the keep-warm function",
    }
    for arn, what in places.items():
        text = text.replace(f'"{arn}"', f'"{what}"')
    statements: list[Any] = json.loads(text)
    return statements


@pytest.mark.parametrize(
    ("credentials", "runtime"),
    [
        (secret, "python3.13"),
        (secret, "nodejs22.x"),
        (secret, "provided.al2023"),
        (parameter, "python3.13"),
        (identity, "python3.13"),
        (role, "python3.13"),
    ],
)
def test_it_is_the_same(
    account: Account, tmp_path: Path, credentials: Callable[..., Credentials], runtime: str
) -> None:
    """Of a stored key the construct's `grant_read` allows to describe it as well."""
    account.update(Runtime=runtime)
    ours = list(statements(by_construct(credentials, account, tmp_path, runtime)))
    theirs = list(statements(by_command(account)))
    assert len(ours) == len(theirs)
    for actions, resources, condition in theirs:
        (match,) = [one for one in ours if actions <= one[0] and resources == one[1]]
        extra = {action.partition(":")[2] for action in match[0] - actions}
        assert extra <= DESCRIBING
        assert condition == match[2]
