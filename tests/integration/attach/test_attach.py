"""Attaching a function that somebody else deployed, against AWS's API with the real boto3."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from prefixwarm.attach.deployed import keep_warm_function
from prefixwarm.cli.command_group import run
from prefixwarm.errors import UsageError
from prefixwarm.prefix.manifest import Entry, Manifest
from tests.integration.attach.conftest import AGENT, KEEP_WARM, OWN, REGION, ROLE

if TYPE_CHECKING:
    from tests.integration.attach.conftest import Account

ACCOUNT = "123456789012"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/warm"
GUIDE = (Path(__file__).parents[3] / "docs" / "attach.md").read_text()
COMMAND = ["attach", AGENT, "--keep-warm", KEEP_WARM]


def test_it_adds_layer_settings_and_grants(account: Account) -> None:
    """And touches nothing else."""
    before = account.seen()
    account.attach()
    after = account.seen()
    own, layer = account.layers
    assert own == before["configuration"]["Layers"][0]["Arn"]
    assert layer == f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:prefixwarm-{AGENT}:1"
    assert account.environment == {
        **OWN,
        "PREFIXWARM_TABLE": "warm",
        "PREFIXWARM_DEPLOYMENT": "Shop-Warmer",
        "PREFIXWARM_CACHE_SCOPE": "default",
        "PREFIXWARM_LATENCY_VALUE": "0",
        "PREFIXWARM_API_KEY_SECRET": account.environment["PREFIXWARM_API_KEY_SECRET"],
    }
    assert set(account.policy) == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "secretsmanager:GetSecretValue",
    }
    state = account.policy["dynamodb:UpdateItem"]
    assert state["Resource"] == [TABLE]
    assert state["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == [
        "state/anthropic/-/default/sales/*",
        "state/anthropic/-/default/support/*",
    ]
    assert after["policies"]["own"] == before["policies"]["own"]
    assert after["tags"]["team"] == "shop"
    for changed in ("Environment", "Layers"):
        del before["configuration"][changed], after["configuration"][changed]
    assert after["configuration"] == before["configuration"]


def test_done_again_it_changes_nothing(account: Account) -> None:
    """Not even a version of the layer."""
    account.attach()
    before = account.seen()
    planned = account.planned()
    assert (planned.code, dict(planned.variables), planned.removed) == (None, {}, ())
    account.attach()
    assert account.seen() == before


def test_a_changed_prompt_is_brought_up_to_date(account: Account) -> None:
    """The layer's new version takes the place of the old one, which is deleted."""
    account.attach()
    account.attach(prefixes=["support"], own={"PREFIXWARM_GATE_MS": "700"})
    assert account.layers[1].endswith(f":layer:prefixwarm-{AGENT}:2")
    assert account.seen()["layers"] == [account.layers[1]]
    assert account.environment["PREFIXWARM_GATE_MS"] == "700"
    keys = account.policy["dynamodb:GetItem"]["Condition"]["ForAllValues:StringLike"]
    assert keys == {"dynamodb:LeadingKeys": ["state/anthropic/-/default/support/*"]}
    account.attach(prefixes=["support"])
    assert "PREFIXWARM_GATE_MS" not in account.environment


def test_what_somebody_else_set_stays_theirs(account: Account) -> None:
    """The same value is left alone, another one is refused before anything is done."""
    account.update(Environment={"Variables": {**OWN, "PREFIXWARM_CACHE_SCOPE": "default"}})
    account.attach()
    assert run(["detach", AGENT]) == 0
    assert account.environment == {**OWN, "PREFIXWARM_CACHE_SCOPE": "default"}
    account.update(Environment={"Variables": {**OWN, "PREFIXWARM_CACHE_SCOPE": "mine"}})
    before = account.seen()
    with pytest.raises(UsageError, match="already has PREFIXWARM_CACHE_SCOPE with another value"):
        account.attach()
    assert account.seen() == before


def test_it_is_observed_from_the_start_where_that_is_asked_for(account: Account) -> None:
    """By the layer's wrapper, unless the function has one of its own or no Python."""
    before = account.seen()
    account.attach(observe="auto")
    assert account.environment["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/prefixwarm/wrapper"
    alone = account.planned(observe="off")
    assert alone.removed == ("AWS_LAMBDA_EXEC_WRAPPER",)
    assert alone.code is not None
    assert run(["detach", AGENT]) == 0
    assert account.seen() == before
    account.update(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/theirs"}})
    with pytest.raises(UsageError, match="already has AWS_LAMBDA_EXEC_WRAPPER"):
        account.planned(observe="auto")
    account.update(Runtime="nodejs22.x")
    with pytest.raises(UsageError, match="needs a Python runtime"):
        account.planned(observe="auto")


def test_keys_of_kms_are_granted(account: Account) -> None:
    """The customer's own, of the secret and of the table, through these services alone."""
    key = account.client("kms").create_key()["KeyMetadata"]
    secret = account.client("secretsmanager").create_secret(
        Name="own", SecretString="sk", KmsKeyId=key["KeyId"]
    )
    account.configure(PREFIXWARM_API_KEY_SECRET=secret["ARN"])
    account.client("dynamodb").update_table(
        TableName="warm",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["Arn"]},
    )
    statements = {
        tuple(s["Action"]): s for s in account.planned().policy["Statement"] if "kms" in str(s)
    }
    (of_table, of_secret) = sorted(statements, key=len, reverse=True)
    for actions, service in ((of_table, "dynamodb"), (of_secret, "secretsmanager")):
        assert statements[actions]["Resource"] == [key["Arn"]]
        via = {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}
        assert statements[actions]["Condition"] == via
    assert of_secret == ("kms:Decrypt",)


def test_a_runtime_without_python_may_ask(account: Account) -> None:
    """And neither lease nor read the key."""
    account.update(Runtime="nodejs22.x")
    account.attach()
    assert account.environment["PREFIXWARM_ASK"] == KEEP_WARM
    assert "PREFIXWARM_API_KEY_SECRET" not in account.environment
    assert set(account.policy) == {"dynamodb:BatchGetItem", "lambda:InvokeFunction"}
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{KEEP_WARM}"
    assert account.policy["lambda:InvokeFunction"]["Resource"] == [arn]


def attached_by_others(account: Account) -> str:
    account.update(Environment={"Variables": {"PREFIXWARM_TABLE": "other"}})
    return AGENT


def attached_to_another(account: Account) -> str:
    arn = account.seen()["configuration"]["FunctionArn"]
    account.client("lambda").tag_resource(Resource=arn, Tags={"prefixwarm:attached": "other"})
    return AGENT


def full_of_layers(account: Account) -> str:
    account.update(Layers=[account.layer(f"tools-{n}") for n in range(5)])
    return AGENT


def full_of_variables(account: Account) -> str:
    account.update(Environment={"Variables": {"LONG": "x" * 3900}})
    return AGENT


def an_image(account: Account) -> str:
    image = {"ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/agent:1"}
    role = account.client("iam").get_role(RoleName=ROLE)["Role"]["Arn"]
    account.client("lambda").create_function(
        FunctionName="image", Role=role, PackageType="Image", Code=image
    )
    return "image"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (an_image, "image: is a container image, which takes no layers"),
        (full_of_layers, "already has 5 layers, Lambda's maximum"),
        (full_of_variables, r"would have 4,\d+ bytes of environment variables, but Lambda allows"),
        (attached_by_others, "is already attached, by its stack or by hand"),
        (attached_to_another, "is already attached to other, whose layer and settings would be"),
        (lambda _: f"{AGENT}:live", "is an alias or a version; attach the function itself"),
        (
            lambda _: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{AGENT}:7",
            "is an alias or a version",
        ),
        (lambda _: "nobody", "function 'nobody': ResourceNotFoundException"),
        (lambda _: "no name", "is not the name or ARN"),
        (lambda _: "", "is not the name or ARN"),
    ],
)
def test_what_is_refused(account: Account, name: Any, says: str) -> None:
    """By the construct's own sentences; nothing is changed."""
    function = name(account)
    before = account.seen()
    with pytest.raises(UsageError, match=says):
        account.planned(name=function)
    assert account.seen() == before


def test_what_is_refused_of_prefixes_and_settings(account: Account) -> None:
    """Before anything is done."""
    for options, says in (
        ({"prefixes": ["suport"]}, "--prefix suport: shop-keep-warm has none; write sales, supp"),
        (
            {"own": {"PREFIXWARM_FIRST": "other"}},
            "carries no prefix 'other' to be the first one",
        ),
        ({"own": {"PREFIXWARM_INIT": "often"}}, "PREFIXWARM_INIT='often': write one of"),
    ):
        with pytest.raises(UsageError, match=says):
            account.planned(**options)


def test_a_function_is_no_keep_warm_function(account: Account) -> None:
    """Nor is a stack that is not there."""
    assert run(["attach", AGENT, "--keep-warm", AGENT]) == 2
    assert run(["attach", AGENT, "--stack", "nobody"]) == 2
    assert run(["attach", AGENT]) == 2


@pytest.mark.parametrize("command", [COMMAND, ["attach", AGENT, "--stack", "S"], ["detach", AGENT]])
def test_without_a_region_or_credentials_there_is_one_line(
    account: Account, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """And no traceback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert run(command) == 1
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert run(command) == 1
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert run(command) == 1
    first, second, third = capsys.readouterr().err.splitlines()
    assert "credentials" in first
    assert "region" in second
    assert "nobody" in third


def test_a_layer_that_somebody_deleted_is_published_again(account: Account) -> None:
    """It may still run where it is, but nobody can tell what is in it."""
    account.attach()
    account.client("lambda").delete_layer_version(LayerName=f"prefixwarm-{AGENT}", VersionNumber=1)
    account.attach()
    (own,) = account.seen()["layers"]
    assert account.layers[1] == own


def test_a_manifest_cannot_name_another_file(account: Account) -> None:
    """Nor a place outside the folder."""
    account.client("s3").put_object(
        Bucket="assets",
        Key="manifest",
        Body=Manifest(entries=(Entry("../../support", "support"),)).to_json().encode(),
    )
    with pytest.raises(UsageError, match=r"'support': the manifest calls it '\.\./\.\./support'"):
        account.planned()


def test_a_dry_run_shows_the_change_and_makes_none(account: Account, capsys: Any) -> None:
    """The lines and the JSON say the same."""
    before = account.seen()
    assert run([*COMMAND, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("+ layer with sales, support: ")
    assert "+ PREFIXWARM_TABLE=warm" in lines
    assert f"+ role {ROLE}: dynamodb:GetItem, dynamodb:UpdateItem on {TABLE}, with conditions" in (
        lines
    )
    assert lines[-1] == "nothing was changed"
    assert account.seen() == before
    assert run([*COMMAND, "--json", "--dry-run"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["done"] is False
    assert document["variables"]["PREFIXWARM_TABLE"] == "warm"
    assert account.seen() == before


def test_the_commands_of_the_guide(account: Account, capsys: Any) -> None:
    """In their order, with what they print but for its values."""
    before = account.seen()
    account.stack("Warmer")
    (block,) = re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    _, *commands = re.split(r"^\$ prefixwarm ", block, flags=re.MULTILINE)
    for command in commands:
        words, *printed = command.splitlines()
        assert run(words.split()) == 0
        lines = capsys.readouterr().out.splitlines()
        if printed:
            assert [re.split("[=:]", text)[0] for text in lines] == [
                re.split("[=:]", text)[0] for text in printed
            ]
    assert account.seen() == before


def test_a_stack_is_looked_through(account: Account) -> None:
    """Nested stacks as well; of several keep-warm functions one must be named."""
    account.stack("Warmer")
    session = boto3.Session()
    assert keep_warm_function("Warmer", session).environment["PREFIXWARM_TABLE"] == "warm"
    account.stack("Empty", count=0)
    account.stack("Two", count=2)
    for stack, says in (
        ("Empty", "has no keep-warm function"),
        ("Two", "has several keep-warm functions; name one: Two-0, Two-1"),
        ("nobody", "does not exist"),
    ):
        with pytest.raises(UsageError, match=says):
            keep_warm_function(stack, session)


def test_the_commands(account: Account, capsys: Any) -> None:
    """There and back."""
    before = account.seen()
    assert run([*COMMAND, "--gate", "700", "--first", "support", "--prefix", "support"]) == 0
    assert "is attached" in capsys.readouterr().out
    assert account.environment["PREFIXWARM_FIRST"] == "support"
    assert run(["detach", AGENT, "--dry-run"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert account.environment["PREFIXWARM_FIRST"] == "support"
    assert run(["detach", AGENT, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] is True
    assert account.seen() == before
    assert run(["detach", AGENT]) == 2
    assert "has not attached it" in capsys.readouterr().err
