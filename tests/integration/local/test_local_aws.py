"""What the local AWS API does beyond MiniStack: stand-ins, references of secrets, its clock."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.local_aws import LocalAws, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:nowhere"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """One of this module's own: its clock is moved."""
    with LocalAws() as running:
        yield running


def template(description: str = "") -> str:
    """A stack of what MiniStack has, and has not."""
    secret = {"Description": description, "GenerateSecretString": {}}
    return json.dumps(
        {
            "Resources": {
                "Key": {"Type": "AWS::SecretsManager::Secret", "Properties": secret},
                "Future": {"Type": "AWS::FutureService::Thing"},
                "Own": {"Type": "Custom::Anything", "Properties": {"ServiceToken": FUNCTION}},
            },
            "Outputs": {
                "KeyRef": {"Value": {"Ref": "Key"}},
                "ThingArn": {"Value": {"Fn::GetAtt": ["Future", "Arn"]}},
                "OwnData": {"Value": {"Fn::GetAtt": ["Own", "Anything.Of.It"]}},
            },
        }
    )


def outputs(aws: LocalAws) -> dict[str, str]:
    """Those of the stack."""
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="S")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_stack_with_unknown_resources_lives_and_dies(aws: LocalAws) -> None:
    """They exist, have any attribute, and are named; a secret's reference is its ARN."""
    client: Any = aws.client("cloudformation")
    client.create_stack(StackName="S", TemplateBody=template())
    client.get_waiter("stack_create_complete").wait(StackName="S", WaiterConfig={"Delay": 1})
    before_update = outputs(aws)
    assert before_update["ThingArn"]
    assert before_update["OwnData"].endswith("Anything.Of.It")
    assert aws.stand_ins() == [
        StandIn("AWS::FutureService::Thing", "S", "Future"),
        StandIn("Custom::Anything", "S", "Own"),
    ]
    secret = aws.client("secretsmanager").describe_secret(SecretId=before_update["KeyRef"])
    assert secret["ARN"] == before_update["KeyRef"]
    client.update_stack(StackName="S", TemplateBody=template("changed"))
    client.get_waiter("stack_update_complete").wait(StackName="S", WaiterConfig={"Delay": 1})
    assert outputs(aws) == before_update
    client.delete_stack(StackName="S")
    client.get_waiter("stack_delete_complete").wait(StackName="S", WaiterConfig={"Delay": 1})
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_clock_is_moved_ahead(aws: LocalAws) -> None:
    """The table's replies carry it, and the warm state's clock follows them."""

    def now() -> float:
        reply = aws.client("dynamodb").list_tables()["ResponseMetadata"]
        return parsedate_to_datetime(reply["HTTPHeaders"]["date"]).timestamp()

    before = now()
    aws.move_ahead(7200)
    assert 7200 <= now() - before < 7200 + 60
