"""An account on this machine: a deployment of a warmer, and a function that somebody else has."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import pytest
from botocore.loaders import Loader

from prefixwarm.attach.attaching import Attachment, attachment
from prefixwarm.attach.deployed import chosen_keep_warm_function
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix.manifest import Entry, Manifest
from prefixwarm.prefix.prefix_file import build, dumps
from prefixwarm_layer.layout import KEEPWARM_HANDLER
from tests.helpers.agents import request_of
from tests.helpers.derived import derive
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.prefix_file import PrefixFile

AGENT = "shop-agent"
KEEP_WARM = "shop-keep-warm"
ROLE = "shop-agent-role"
REGION = "us-east-1"
OWN = {"STAGE": "prod", "EMPTY": ""}


def zipped(files: dict[str, str]) -> bytes:
    """A function's code, or a layer's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


@dataclass
class Account:
    """What stands in it before and after."""

    aws: LocalAws
    names: list[str] = field(default_factory=lambda: ["sales", "support"])
    files: list[PrefixFile] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of it."""
        return self.aws.client(service)

    def deploy(self, **changes: str) -> None:
        """A deployment of a warmer: what the construct makes of it, as far as `attach` reads it."""
        create_state_table(self.aws, "warm")
        self.client("s3").create_bucket(Bucket="assets")
        headers = {"anthropic-version": "2026-10-21"}
        self.upload(*(build(n, derive(request_of(n, "5m")), headers=headers) for n in self.names))
        secret = self.client("secretsmanager").create_secret(Name="claude", SecretString="sk-key")
        environment = {
            "PREFIXWARM_TABLE": "warm",
            "PREFIXWARM_DEPLOYMENT": "Shop-Warmer",
            "PREFIXWARM_CACHE_SCOPE": "default",
            "PREFIXWARM_LATENCY_VALUE": "0",
            "PREFIXWARM_API_KEY_SECRET": secret["ARN"],
            "PREFIXWARM_MANIFEST": "s3://assets/manifest",
            "PREFIXWARM_FUNCTIONS": "{}",
        }
        self.function(KEEP_WARM, {**environment, **changes}, Handler=KEEPWARM_HANDLER)

    def upload(self, *files: PrefixFile) -> None:
        """What the deployment keeps warm."""
        self.files = list(files)
        for file in files:
            self.client("s3").put_object(Bucket="assets", Key=file.name, Body=dumps(file).encode())
        text = Manifest(entries=tuple(Entry.of(file, file.name) for file in files)).to_json()
        self.client("s3").put_object(Bucket="assets", Key="manifest", Body=text.encode())

    def configure(self, **variables: str) -> None:
        """The keep-warm function has these variables besides; an empty one is taken away."""
        client = self.client("lambda")
        client.get_waiter("function_updated_v2").wait(FunctionName=KEEP_WARM)
        now = client.get_function_configuration(FunctionName=KEEP_WARM)["Environment"]["Variables"]
        kept = {name: text for name, text in {**now, **variables}.items() if text}
        client.update_function_configuration(
            FunctionName=KEEP_WARM, Environment={"Variables": kept}
        )

    def function(self, name: str, environment: dict[str, str], **more: Any) -> None:
        """A function with a role of its own."""
        role = self.client("iam").create_role(
            RoleName=f"{name}-role", Path="/service/", AssumeRolePolicyDocument="{}"
        )
        options = {
            "Runtime": "python3.13",
            "Handler": "handler.handler",
            "Code": {"ZipFile": zipped({"handler.py": "def handler(event, context): return 1"})},
            **more,
        }
        self.client("lambda").create_function(
            FunctionName=name,
            Role=role["Role"]["Arn"],
            Environment={"Variables": environment},
            **options,
        )
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)

    def stack(self, name: str, count: int = 1) -> None:
        """A stack of so many keep-warm functions, beside another function."""
        client = self.client("lambda")
        configuration = client.get_function_configuration(FunctionName=KEEP_WARM)
        common = {"Runtime": "python3.13", "Role": configuration["Role"]}
        code = {"ZipFile": "def handler(event, context): return 1"}
        resources: dict[str, Any] = {
            f"KeepWarm{number}": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    **common,
                    "FunctionName": f"{name}-{number}",
                    "Handler": KEEPWARM_HANDLER,
                    "Code": code,
                    "Environment": configuration["Environment"],
                },
            }
            for number in range(count)
        }
        other = {**common, "FunctionName": f"{name}-other", "Handler": "h.handler", "Code": code}
        resources["Other"] = {"Type": "AWS::Lambda::Function", "Properties": other}
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": resources})
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )

    def layer(self, name: str) -> str:
        """Somebody's own layer."""
        published = self.client("lambda").publish_layer_version(
            LayerName=name, Content={"ZipFile": zipped({f"{name}.txt": name})}
        )
        return str(published["LayerVersionArn"])

    def update(self, **changes: Any) -> None:
        """Somebody updates the function."""
        client = self.client("lambda")
        client.update_function_configuration(FunctionName=AGENT, **changes)
        client.get_waiter("function_updated_v2").wait(FunctionName=AGENT)

    def planned(self, session: Any = None, name: str = AGENT, **options: Any) -> Attachment:
        """What attaching the function would change."""
        session = session or boto3.Session()
        own = options.pop("own", {})
        keep_warm = chosen_keep_warm_function(None, KEEP_WARM, session)
        return attachment(name, keep_warm, session, own=own, **options)

    def attach(self, **options: Any) -> None:
        """Attach the function."""
        session = options.pop("session", None) or boto3.Session()
        self.planned(session, **options).apply(session)

    def seen(self) -> dict[str, Any]:
        """All that attaching may touch, and all else of the function's configuration."""
        client, iam = self.client("lambda"), self.client("iam")
        function = client.get_function(FunctionName=AGENT)
        configuration = function["Configuration"]
        for name in ("RevisionId", "LastModified"):
            configuration.pop(name)
        role = configuration["Role"].rpartition("/")[2]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policies = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in names
        }
        versions = client.list_layer_versions(LayerName=f"prefixwarm-{AGENT}")["LayerVersions"]
        return {
            "configuration": configuration,
            "tags": function.get("Tags", {}),
            "policies": policies,
            "layers": [version["LayerVersionArn"] for version in versions],
        }

    @property
    def environment(self) -> dict[str, str]:
        """The function's variables."""
        variables: dict[str, str] = self.seen()["configuration"]["Environment"]["Variables"]
        return variables

    @property
    def layers(self) -> list[str]:
        """ARNs of the function's layers."""
        return [layer["Arn"] for layer in self.seen()["configuration"].get("Layers", ())]

    @property
    def policy(self) -> dict[str, Any]:
        """What `attach` allows the function's role, by action."""
        document = self.seen()["policies"][f"prefixwarm-{AGENT}"]
        document = json.loads(document) if isinstance(document, str) else document
        return {action: s for s in document["Statement"] for action in s["Action"]}


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """All sessions of boto3 share what they read of AWS's models: each command makes its own."""
    shared: dict[Any, Any] = {}
    make = Loader.__init__

    def sharing(loader: Loader, *arguments: Any, **options: Any) -> None:
        make(loader, *arguments, **options)
        loader._cache = shared

    with mock.patch.object(Loader, "__init__", sharing):
        yield


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again sooner than every second whether a function has been updated."""
    pauses = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 5))
    monkeypatch.setattr("botocore.waiter.time", pauses)


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """The AWS API on this machine."""
    with LocalAws() as running:
        yield running


@pytest.fixture
def account(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A deployment, and an agent with a layer, variables, a tag and a policy of its own."""
    local_aws.reset()
    for name, value in local_aws.environment().items():
        monkeypatch.setenv(name, value)
    account = Account(local_aws)
    account.deploy()
    account.function(AGENT, OWN, Layers=[account.layer("tools")], Tags={"team": "shop"})
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    account.client("iam").put_role_policy(
        RoleName=ROLE,
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return account
