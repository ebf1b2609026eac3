"""The deployed roles, under an AWS API that enforces them: what they may do, and nothing else.

The local API does not know `dynamodb:LeadingKeys`: unit tests decide it on the template.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_cdk import App, DefaultStackSynthesizer, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from botocore.exceptions import ClientError

from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.manifest import state_keys
from prefixwarm_cdk import Credentials, prefixes
from tests.helpers.derived import derive
from tests.helpers.workers import warmer_with_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
DENIED = ("AccessDenied", "AccessDeniedException")
FUNCTIONS = {
    "agent": "Agent",
    "keep_warm": "WarmKeepWarmFunction",
    "worker": "WarmKeepWarmWorkersFunction",
}


class EnforcingAws(LocalAws):
    """Checks every call against the caller's policies; `test` is the account's root."""

    def _own_environment(self) -> dict[str, str]:
        return {**super()._own_environment(), "AUTH": "true"}

    def client(self, service: str) -> Any:
        """A client of the account's root."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return client(self.url, service, **keys)


def client(url: str, service: str, **keys: str) -> Any:
    """A client with these credentials."""
    make: Any = boto3.client
    return make(service, endpoint_url=url, region_name=REGION, **keys)


def write_prefix(folder: Path) -> Path:
    """One prefix file."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    block = {"type": "text", "text": "You support. " * 300, "cache_control": marker}
    request = {"model": "claude-sonnet-5-5", "max_tokens": 9, "system": [block]}
    request["messages"] = [{"role": "user", "content": "Hello"}]
    headers = {"anthropic-version": "2026-10-21"}
    built = prefix_file.build("support", derive(request), headers=headers)
    return prefix_file.write(built, folder)


def deploy(aws: LocalAws, folder: Path, secret_arn: str) -> dict[str, Any]:
    """Upload the assets and create the stack; returns physical ids by logical id."""
    outdir = folder / "cdk.out"
    app = App(outdir=str(outdir), analytics_reporting=False)
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    stack = Stack(app, "Warmer", synthesizer=synthesizer)
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", secret_arn)
    warmer = warmer_with_workers()(
        stack, "Warm", prefixes=[write_prefix(folder)], credentials=Credentials.secret(secret)
    )
    code = lambda_.Code.from_inline("def handler(event, context): return 1")
    runtime = lambda_.Runtime.PYTHON_3_13
    warmer.attach(
        lambda_.Function(stack, "Agent", code=code, handler="index.handler", runtime=runtime)
    )
    app.synth()
    s3, cloudformation = aws.client("s3"), aws.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="somebody-elses.json", Body=b"{}")
    for asset in outdir.glob("asset.*"):
        s3.put_object(Bucket=BUCKET, Key=asset.name.removeprefix("asset."), Body=asset.read_bytes())
    template = json.loads((outdir / "Warmer.template.json").read_text())
    without_tls(template)
    cloudformation.create_stack(
        StackName="Warmer", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="Warmer", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    resources = cloudformation.list_stack_resources(StackName="Warmer")["StackResourceSummaries"]
    return {entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in resources}


def without_tls(template: dict[str, Any]) -> None:
    """Take the demand for TLS out of the queues' own policies: the local API has none."""
    resources = template["Resources"]
    for name in [name for name, r in resources.items() if r["Type"] == "AWS::SQS::QueuePolicy"]:
        document = resources[name]["Properties"]["PolicyDocument"]
        tls = [s for s in document["Statement"] if s["Effect"] == "Deny"]
        assert [s["Condition"] for s in tls] == [{"Bool": {"aws:SecureTransport": "false"}}]
        document["Statement"] = [s for s in document["Statement"] if s not in tls]
        if not document["Statement"]:
            del resources[name]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A deployed warmer with workers and an attached function."""
    folder = tmp_path_factory.mktemp("world")
    with EnforcingAws() as aws:
        secrets = aws.client("secretsmanager")
        key = secrets.create_secret(Name="claude", SecretString="k")["ARN"]
        other = secrets.create_secret(Name="other", SecretString="k")["ARN"]
        ids = deploy(aws, folder, key)
        (prefix,) = prefixes.read([folder / "support.prefix.json"])
        configurations = {
            who: aws.client("lambda").get_function_configuration(FunctionName=name)
            for logical_id, name in ids.items()
            for who, start in FUNCTIONS.items()
            if re.fullmatch(start + "[0-9A-F]{8}", logical_id)
        }
        variables = configurations["keep_warm"]["Environment"]["Variables"]
        yield {
            "aws": aws,
            "roles": {who: configuration["Role"] for who, configuration in configurations.items()},
            "table": variables["PREFIXWARM_TABLE"],
            "state": state_keys(prefix.file, REGION, "default").replace("*", "m/0"),
            "manifest": variables["PREFIXWARM_MANIFEST"].rpartition("/")[2],
            "key": key,
            "other": other,
            "queue": variables["PREFIXWARM_QUEUE"],
        }


@pytest.fixture
def tries(world: dict[str, Any]) -> Callable[..., str]:
    """Call something in a function's role: `allowed`, or the error's code."""
    aws = world["aws"]

    def call(who: str, service: str, operation: str, **parameters: Any) -> str:
        assumed = aws.client("sts").assume_role(
            RoleArn=world["roles"][who], RoleSessionName="test"
        )["Credentials"]
        keys = {
            "aws_access_key_id": assumed["AccessKeyId"],
            "aws_secret_access_key": assumed["SecretAccessKey"],
            "aws_session_token": assumed["SessionToken"],
        }
        try:
            getattr(client(aws.url, service, **keys), operation)(**parameters)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "allowed"

    return call


@pytest.mark.parametrize("who", FUNCTIONS)
def test_all_read_and_write_the_state(world: Any, tries: Any, who: str) -> None:
    """The item of the agent's own prefix."""
    at = {"TableName": world["table"], "Key": {"pk": {"S": world["state"]}}}
    assert tries(who, "dynamodb", "get_item", **at) == "allowed"
    change = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"N": "1"}}}
    assert tries(who, "dynamodb", "update_item", **at, **change) == "allowed"


@pytest.mark.parametrize("who", FUNCTIONS)
def test_none_deletes_or_scans(world: Any, tries: Any, who: str) -> None:
    """Two actions, and the keep-warm function's query."""
    at = {"TableName": world["table"], "Key": {"pk": {"S": world["state"]}}}
    assert tries(who, "dynamodb", "delete_item", **at) in DENIED
    assert tries(who, "dynamodb", "scan", TableName=world["table"]) in DENIED


def test_only_the_keep_warm_function_lists_what_is_due(world: Any, tries: Any) -> None:
    """By the index."""
    query = {
        "TableName": world["table"],
        "IndexName": "due",
        "KeyConditionExpression": "due_shard = :s",
        "ExpressionAttributeValues": {":s": {"S": "0"}},
    }
    assert tries("keep_warm", "dynamodb", "query", **query) == "allowed"
    assert tries("agent", "dynamodb", "query", **query) in DENIED
    assert tries("worker", "dynamodb", "query", **query) in DENIED


@pytest.mark.parametrize("who", FUNCTIONS)
def test_all_read_one_secret(world: Any, tries: Any, who: str) -> None:
    """The one of the credentials."""
    read = ("secretsmanager", "get_secret_value")
    assert tries(who, *read, SecretId=world["key"]) == "allowed"
    assert tries(who, *read, SecretId=world["other"]) in DENIED


@pytest.mark.parametrize("who", ["keep_warm", "worker"])
def test_only_keep_warm_reads_the_manifest(world: Any, tries: Any, who: str) -> None:
    """And no other object of the bucket."""
    read = ("s3", "get_object")
    assert tries(who, *read, Bucket=BUCKET, Key=world["manifest"]) == "allowed"
    assert tries(who, *read, Bucket=BUCKET, Key="somebody-elses.json") in DENIED
    assert tries("agent", *read, Bucket=BUCKET, Key=world["manifest"]) in DENIED


def test_the_tick_sends_what_its_workers_receive(world: Any, tries: Any) -> None:
    """Nobody does both, and nobody else does either."""
    queue = {"QueueUrl": world["queue"]}
    receive = ("sqs", "receive_message")
    assert tries("worker", *receive, **queue) == "allowed"
    assert {tries(who, *receive, **queue) for who in ("agent", "keep_warm")} <= set(DENIED)
    # The permission of SendMessageBatch is that of SendMessage; the local API does not know that.
    message = {**queue, "MessageBody": "{}"}
    assert tries("keep_warm", "sqs", "send_message", **message) == "allowed"
    for who in ("agent", "worker"):
        assert tries(who, "sqs", "send_message", **message) in DENIED
