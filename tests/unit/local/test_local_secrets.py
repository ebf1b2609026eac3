"""Which secrets and parameters an app expects, and what it gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prefixwarm.local import cloud_assembly, local_secrets
from prefixwarm.local.local_secrets import PLACEHOLDER
from tests.unit.local.assemblies import write

if TYPE_CHECKING:
    from pathlib import Path

PARTITION = {"Ref": "AWS::Partition"}


class Account:
    """Stands in for the local AWS API: notes what is created."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.parameters: dict[str, tuple[str, str]] = {}

    def client(self, _service: str) -> Account:
        """Any service."""
        return self

    def create_secret(self, **secret: str) -> None:
        """Note it."""
        self.secrets[secret["Name"]] = secret["SecretString"]

    def put_parameter(self, **parameter: Any) -> None:
        """Note it."""
        self.parameters[parameter["Name"]] = (parameter["Type"], parameter["Value"])

    def describe_stack_resource(self, **resource: str) -> Any:
        """As if it were deployed."""
        name = f"{resource['StackName']}-{resource['LogicalResourceId']}"
        return {"StackResourceDetail": {"PhysicalResourceId": name}}

    def get_secret_value(self, **secret: str) -> dict[str, str]:
        """What is noted of it."""
        return {"SecretString": self.secrets.get(secret["SecretId"], "")}

    def put_secret_value(self, **secret: str) -> None:
        """Note it."""
        self.secrets[secret["SecretId"]] = secret["SecretString"]


def expected(folder: Path, resources: dict[str, Any], **parameters: Any) -> local_secrets.Expected:
    """What an app of one stack expects."""
    assembly = write(folder, {"S": resources})
    document = {"Resources": resources, "Parameters": parameters}
    (assembly / "S.template.json").write_text(json.dumps(document))
    return local_secrets.expected(cloud_assembly.stacks(assembly))


def policy(*pieces: Any) -> dict[str, Any]:
    """A resource that grants something of this ARN."""
    arn = {"Fn::Join": ["", ["arn:", PARTITION, *pieces]]}
    return {"Type": "AWS::IAM::Policy", "Properties": {"Resource": arn}}


def provided(wanted: local_secrets.Expected, **values: str) -> tuple[Account, list[str]]:
    """The account, and what got a placeholder."""
    account = Account()
    return account, local_secrets.provide(account, wanted, values)  # type: ignore[arg-type]


def test_imported_secrets_get_a_placeholder(tmp_path: Path) -> None:
    """Whether they are known by name, by ARN or by a reference in a template."""
    text = {
        "Type": "AWS::Any",
        "Properties": {"Key": "{{resolve:secretsmanager:db:SecretString:pw::}}"},
    }
    full = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:claude-AbCdEf"
    wanted = expected(
        tmp_path,
        {
            "P": policy(
                ":secretsmanager:us-east-1:", {"Ref": "AWS::AccountId"}, ":secret:shop/key-??????"
            ),
            "Q": {"Type": "AWS::IAM::Policy", "Properties": {"Resource": full}},
            "R": text,
        },
    )
    assert wanted.account == "111122223333"
    account, placeholders = provided(wanted)
    assert account.secrets == {
        "shop/key": PLACEHOLDER,
        "claude-AbCdEf": PLACEHOLDER,
        "db": json.dumps({"pw": PLACEHOLDER}),
    }
    assert placeholders == ["claude-AbCdEf", "db", "shop/key"]


def test_values_come_before_placeholders(tmp_path: Path) -> None:
    """By the name without the letters that AWS adds, and for what no template mentions."""
    full = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:claude-AbCdEf"
    wanted = expected(tmp_path, {"Q": {"Type": "AWS::Any", "Properties": {"Arn": full}}})
    account, placeholders = provided(wanted, claude="one", other="two")
    assert (account.secrets, placeholders) == ({"claude-AbCdEf": "one", "other": "two"}, [])


def test_parameters_are_found_by_type_and_arn(tmp_path: Path) -> None:
    """CDK's own one is created by bootstrapping."""
    kind = "AWS::SSM::Parameter::Value<{}>"
    wanted = expected(
        tmp_path,
        {"P": policy(":ssm:us-east-1:", {"Ref": "AWS::AccountId"}, ":parameter/shop/mode")},
        One={"Type": kind.format("String"), "Default": "/shop/tone"},
        Many={"Type": kind.format("List<String>"), "Default": "/shop/zones"},
        Version={"Type": kind.format("String"), "Default": "/cdk-bootstrap/hnb659fds/version"},
    )
    account, placeholders = provided(wanted, **{"/shop/tone": "kind"})
    assert account.parameters == {
        "/shop/tone": ("String", "kind"),
        "/shop/zones": ("StringList", PLACEHOLDER),
        "/shop/mode": ("String", PLACEHOLDER),
    }
    assert placeholders == ["/shop/mode", "/shop/zones"]
    assert account.secrets == {}


def test_secrets_of_the_app_itself_are_left_to_it(tmp_path: Path) -> None:
    """Until they are deployed; then they get the value that is given for them."""
    own = {
        "Type": "AWS::SecretsManager::Secret",
        "Metadata": {"aws:cdk:path": "S/Key/Resource"},
        "Properties": {"Name": "shop/key"},
    }
    wanted = expected(
        tmp_path, {"Key1": own, "P": policy(":secretsmanager:us-east-1:1:secret:shop/key-??????")}
    )
    values = {"Key": "mine"}
    account, placeholders = provided(wanted, **values)
    assert (account.secrets, placeholders) == ({}, [])
    local_secrets.set_created(account, wanted, values)  # type: ignore[arg-type]
    assert account.secrets == {"S-Key1": "mine"}
    account.secrets["S-Key1"] = ""
    for _ in range(2):
        local_secrets.set_created(account, wanted, {})  # type: ignore[arg-type]
        assert account.secrets == {"S-Key1": PLACEHOLDER}
