"""Whatever AWS replies through boto3, or sends as an event: a value or one declared error."""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import cycle
from typing import TYPE_CHECKING, Any, cast

import pytest

from prefixwarm.attach import attaching, configuration
from prefixwarm.attach.agent_function import read as read_function
from prefixwarm.attach.attach_record import AttachRecord
from prefixwarm.attach.attaching import Attachment
from prefixwarm.attach.deployed import (
    KeepWarmConfiguration,
    chosen_keep_warm_function,
    keep_warm_function,
)
from prefixwarm.attach.detaching import detachment
from prefixwarm.attach.key_grants import credential_grants
from prefixwarm.attach.prefix_objects import download
from prefixwarm.doctor.aws_account import Account
from prefixwarm.doctor.deployed_parts import Deployment
from prefixwarm.errors import (
    PrefixFileError,
    PrefixwarmError,
    SettingsError,
    StateError,
    UsageError,
)
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.keepwarm.invocations import TrafficError, invocations
from prefixwarm.keepwarm.kill_switch import stopped
from prefixwarm.keepwarm.queue import Queue
from prefixwarm.keepwarm.s3 import Bucket
from prefixwarm.keepwarm.worker import texts_of
from prefixwarm.library.asking import ask
from prefixwarm.library.boto3_client import Boto3Client
from prefixwarm.library.client_kind import UserClient
from prefixwarm.plan import cloudwatch
from prefixwarm.prefix import manifest
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.file_form import dumps
from prefixwarm.settings import Settings
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.store import StateStore
from prefixwarm.warm.acquire import without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm_layer.layout import KEEPWARM_HANDLER
from tests.helpers.garbage import check, garbled
from tests.helpers.garbled_aws import GarbledAws
from tests.helpers.prefixes import make_prefix
from tests.unit.test_boundaries import (
    ITEM,
    KEY,
    NOW,
    PREFIX,
    REQUEST,
    SOON,
    USAGE,
    table_operations,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.conftest import Tried

# Takes seconds: `scripts/test --quick` leaves it out.
pytestmark = pytest.mark.slow

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
CODE = b"a layer's zip"
METRIC = {
    "MetricDataResults": [
        {"Id": "f0", "Timestamps": [NOW, NOW + 60], "Values": [1.0, 0.0], "StatusCode": "Complete"}
    ]
}
ENTRY = manifest.Entry.of(PREFIX, "prefixes/support.json").document()
MANIFEST = {"format": manifest.FORMAT, "prefixes": [ENTRY], "policy": "auto"}
VARIABLES = {
    "PREFIXWARM_TABLE": "t",
    "PREFIXWARM_MANIFEST": "s3://bucket/manifest.json",
    "PREFIXWARM_KILL_SWITCH": "/stop",
    "PREFIXWARM_API_KEY_SECRET": "arn:aws:secretsmanager:eu-west-1:1:secret:key-a",
}
FUNCTION = {
    "FunctionName": "agent",
    "FunctionArn": f"{ARN}agent",
    "Handler": KEEPWARM_HANDLER,
    "Runtime": "python3.13",
    "Role": "arn:aws:iam::123456789012:role/path/agent",
    "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:123456789012:layer:prefixwarm-agent:3"}],
    "Environment": {"Variables": VARIABLES},
    "Architectures": ["arm64"],
    "PackageType": "Zip",
    "SnapStart": {"ApplyOn": "None"},
    "RevisionId": "r",
    "LastUpdateStatus": "Successful",
}
RECORD = AttachRecord("keep-warm", "agent", ("PREFIXWARM_TABLE", "AWS_LAMBDA_EXEC_WRAPPER"))
LAYER_VERSION = {
    "LayerVersionArn": "arn:aws:lambda:eu-west-1:123456789012:layer:prefixwarm-agent:3",
    "Version": 3,
    "Description": "prefixwarm attach",
    "Content": {"CodeSha256": base64.b64encode(hashlib.sha256(CODE).digest()).decode()},
}
OUTCOME = {
    "name": "support",
    "outcome": "written",
    "reason": "",
    "warm_until": NOW,
    "cost_usd": 0.01,
}
STACK = (
    "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>"
    "<PhysicalResourceId>keep-warm</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE"
    "</ResourceStatus><ResourceType>AWS::Lambda::Function</ResourceType></member>"
    "</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
)
ROLE_POLICY = (
    "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>agent</RoleName><PolicyName>p"
    "</PolicyName><PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</PolicyDocument>"
    "</GetRolePolicyResult></GetRolePolicyResponse>"
)
CALLER = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn>"
    "<UserId>u</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
TABLE = {
    "TableName": "t",
    "TableArn": "arn:aws:dynamodb:eu-west-1:1:table/t",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [{"IndexName": "due"}],
    "SSEDescription": {"KMSMasterKeyArn": "arn:aws:kms:eu-west-1:1:key/k"},
}
SCHEDULE = {"Name": "tick", "State": "ENABLED", "Target": {"Arn": f"{ARN}agent"}}
REPLIES: dict[str, Any] = {
    "cloudwatch.GetMetricData": METRIC,
    "s3.GetObject": json.dumps(MANIFEST).encode(),
    # What boto3 asks when S3 says that a bucket is elsewhere.
    "s3.HeadBucket": b"{}",
    "ssm.GetParameter": {"Parameter": {"Name": "/stop", "Value": "no", "Type": "String"}},
    "sqs.SendMessageBatch": {
        "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "d"}],
        "Failed": [{"Id": "1", "Code": "x", "SenderFault": True}],
    },
    "lambda.Invoke": json.dumps({"outcomes": [OUTCOME]}).encode(),
    "lambda.GetFunctionConfiguration": FUNCTION,
    "lambda.GetFunction": {"Configuration": FUNCTION},
    "lambda.ListTags": {"Tags": {**RECORD.tags(), "theirs": "x"}},
    "lambda.GetLayerVersionByArn": LAYER_VERSION,
    "lambda.ListLayerVersions": {"LayerVersions": [LAYER_VERSION]},
    "lambda.PublishLayerVersion": LAYER_VERSION,
    "lambda.UpdateFunctionConfiguration": FUNCTION,
    **{f"lambda.{name}": {} for name in ("TagResource", "UntagResource", "DeleteLayerVersion")},
    "bedrock-runtime.InvokeModel": json.dumps({"id": "msg_1", "usage": USAGE}).encode(),
    "bedrock-runtime.Converse": {"usage": {"inputTokens": 3, "outputTokens": 0, "totalTokens": 3}},
    "cloudformation.ListStackResources": STACK,
    "iam.GetRolePolicy": ROLE_POLICY,
    **{f"iam.{name}RolePolicy": f"<{name}RolePolicyResponse/>" for name in ("Put", "Delete")},
    "sts.GetCallerIdentity": CALLER,
    "dynamodb.DescribeTable": {"Table": TABLE},
    "scheduler.ListSchedules": {"Schedules": [SCHEDULE]},
    "secrets-manager.DescribeSecret": {"ARN": VARIABLES["PREFIXWARM_API_KEY_SECRET"]},
    "kms.DescribeKey": {"KeyMetadata": {"Arn": "arn:aws:kms:eu-west-1:1:key/k"}},
}


MODEL = "anthropic.claude-sonnet-5-5"
CONVERSE = {
    "modelId": MODEL,
    "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
    "messages": [{"role": "user", "content": [{"text": "hello"}]}],
    "inferenceConfig": {"maxTokens": 16},
}
OPTIONS = CallOptions(key=KEY, owner="a", needed_until=NOW)


@pytest.fixture
def aws() -> GarbledAws:
    """AWS whose replies are garbage half of the time."""
    return GarbledAws(REPLIES)


def with_draw(aws: GarbledAws, read: Callable[[Random], object]) -> Callable[[Random], object]:
    """Read what this AWS replies by the same draw."""

    def drawn(draw: Random) -> object:
        aws.draw = draw
        return read(draw)

    return drawn


def test_invocations(aws: GarbledAws, tried: Tried) -> None:
    """What CloudWatch replies to the keep-warm function, and to `plan`."""
    client = aws.client("cloudwatch")

    def in_a_tick(_: Random) -> None:
        minutes = invocations(client, ["agent", "b"], NOW)
        assert all(isinstance(at, float) for name in minutes for at in minutes[name])

    check("CloudWatch's replies", with_draw(aws, in_a_tick), TrafficError, tried)
    planned = with_draw(aws, lambda _: cloudwatch.invocations("agent", client))
    check("CloudWatch's replies to plan", planned, PrefixwarmError, tried)


def test_objects(aws: GarbledAws, tried: Tried) -> None:
    """What S3 replies: bytes, or why there are none."""
    bucket = Bucket(aws.client("s3"), "bucket")

    def read(_: Random) -> None:
        assert isinstance(bucket.read("manifest.json"), bytes)

    check("S3's replies", with_draw(aws, read), PrefixFileError, tried)


def test_kill_switch(aws: GarbledAws, tried: Tried) -> None:
    """What SSM replies: yes, no, or a reason to stop."""
    settings = Settings.from_environment({"PREFIXWARM_KILL_SWITCH": "/stop"})
    client = aws.client("ssm")
    check(
        "SSM's replies", with_draw(aws, lambda _: stopped(settings, client)), SettingsError, tried
    )


def test_queue(aws: GarbledAws, tried: Tried) -> None:
    """What SQS replies: what it does not say to have taken is not taken."""
    queue = Queue(aws.client("sqs"), "https://sqs.eu-west-1.amazonaws.com/1/q")

    def read(_: Random) -> None:
        why = queue.send(["a", "b"])
        assert set(why) <= {0, 1}
        assert all(isinstance(text, str) for text in why.values())

    check("SQS's replies", with_draw(aws, read), (), tried)


def test_table_through_boto3(tried: Tried) -> None:
    """What DynamoDB replies to the keep-warm function."""
    documents = {
        "GetItem": {"Item": ITEM},
        "UpdateItem": {"Attributes": ITEM},
        "Query": {"Items": [ITEM, ITEM]},
        "BatchGetItem": {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {}},
        "TransactWriteItems": {},
    }
    aws = GarbledAws({f"dynamodb.{name}": reply for name, reply in documents.items()})
    call = boto_calls(aws.client("dynamodb"))
    store = StateStore("t", lambda *request: call(*request[:2], SOON))
    operations = list(table_operations(store))[:-1]
    read = with_draw(aws, lambda draw: draw.choice(operations)())
    check("table replies through boto3", read, StateError, tried)


def test_answers_to_an_ask(aws: GarbledAws, tried: Tried) -> None:
    """What Lambda, or another function than ours, answers to `prefixwarm.ask`."""
    client = aws.client("lambda")

    def read(_: Random) -> None:
        for outcome in ask("support", function="keep-warm", client=client):
            assert isinstance(outcome.reason, str)
            assert outcome.warm == (outcome.warm_until is not None)

    check("answers to an ask", with_draw(aws, read), PrefixwarmError, tried)


@pytest.mark.parametrize("route", ["bedrock", "bedrock-converse"])
def test_replies_to_the_library(aws: GarbledAws, route: str, tried: Tried) -> None:
    """What Bedrock replies to a `Warmer` of boto3's client."""
    client = UserClient(Boto3Client(aws.client("bedrock-runtime")))
    body = CONVERSE if route == "bedrock-converse" else {**REQUEST, "model": MODEL}
    call = compile_prefix(make_prefix("support", body, route=route))

    def read(_: Random) -> None:
        attempt = without_lease(call, SOON, options=OPTIONS, store=MemoryState())
        attempt.send(client)
        assert "unexpected" not in attempt.record().reason
        client.send(call, call.least_tokens, SOON)

    check(f"replies to the library, {route}", with_draw(aws, read), PrefixwarmError, tried)


def test_events_of_sqs(tried: Tried) -> None:
    """The envelope of a batch; what it holds is another boundary."""
    event = {"Records": [{"messageId": "m", "body": "{}"}, {"messageId": "n", "body": "{}"}]}

    def read(draw: Random) -> None:
        texts = texts_of(garbled(event, draw))
        assert all(isinstance(text, str) for pair in texts.items() for text in pair)

    check("events of SQS", read, UsageError, tried)


def test_attach_records(tried: Tried) -> None:
    """Tags that somebody else may have written."""
    tags = RECORD.tags()
    assert AttachRecord.of(tags) == RECORD

    def read(draw: Random) -> None:
        changed = {k: v for k, v in garbled_texts(tags, draw).items() if isinstance(v, str)}
        if record := AttachRecord.of(changed):
            record.tags()

    check("attach records", read, (), tried)


def garbled_texts(texts: dict[str, str], draw: Random) -> dict[str, Any]:
    """As `garbled`, but still a mapping, as boto3 gives it."""
    changed = garbled(texts, draw)
    return changed if isinstance(changed, dict) else {}


def attach_operations(aws: GarbledAws, folder: Path) -> list[Callable[[], object]]:
    """What `attach` and `detach` ask of AWS, and what they change."""
    session, client = cast("Any", aws), aws.client("lambda")
    keep_warm = KeepWarmConfiguration("keep-warm", f"{ARN}keep-warm", VARIABLES)

    def attached() -> None:
        function = read_function(client, "agent")
        policy = attaching.policy_of(function, keep_warm, [], session)
        code = None if attaching.carries(function, CODE, session) else CODE
        variables, removed = {"PREFIXWARM_TABLE": "u"}, ("PREFIXWARM_FIRST",)
        texts: Any = ((), variables, removed, policy, code, RECORD, "former", ())
        Attachment(function, *texts).apply(session)

    return [
        lambda: keep_warm_function("Warmer", session),
        lambda: chosen_keep_warm_function(None, "keep-warm", session),
        lambda: credential_grants(
            VARIABLES, [PREFIX], read_function(client, "agent").place, session
        ),
        lambda: download(keep_warm, ("support",), folder, session),
        lambda: detachment("agent", session).apply(session),
        attached,
    ]


def test_attach(
    aws: GarbledAws, tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Lambda, IAM, CloudFormation and others reply to `attach` and `detach`."""
    monkeypatch.setattr("botocore.waiter.time.sleep", lambda _: None)
    monkeypatch.setattr(configuration, "sleep", lambda _: None)
    monkeypatch.setitem(configuration._WAIT, "MaxAttempts", 3)
    operations = cycle(attach_operations(aws, tmp_path))
    read = with_draw(aws, lambda _: next(operations)())
    check("replies to attach", read, PrefixwarmError, tried, at_once=3)


def test_doctor(aws: GarbledAws, tried: Tried) -> None:
    """What AWS replies to `doctor`: a diagnosis each, whatever it is."""
    session = cast("Any", aws)

    def read(draw: Random) -> None:
        variables = {k: v for k, v in garbled_texts(VARIABLES, draw).items() if isinstance(v, str)}
        function = KeepWarmConfiguration("agent", f"{ARN}agent", variables)
        own = Deployment(function, session, [], NOW)
        diagnoses = [*Account(session).diagnoses(), *own.diagnoses([PREFIX])]
        assert all(isinstance(one.detail, str) for one in diagnoses)

    check("replies to doctor", with_draw(aws, read), (), tried, at_once=5)


def test_good_replies_are_read(aws: GarbledAws, tmp_path: Path) -> None:
    """Else nothing of the above would get beyond the first one."""
    aws.spoils = False
    assert invocations(aws.client("cloudwatch"), ["agent"], NOW) == {"agent": [NOW]}
    assert Queue(aws.client("sqs"), "https://sqs/1/q").send(["a", "b", "c"]) == {
        1: "x",
        2: "not taken",
    }
    (outcome,) = ask("support", function="keep-warm", client=aws.client("lambda"))
    assert outcome.warm
    *operations, _download, _detach, attached = attach_operations(aws, tmp_path)
    for operation in (*operations, attached):
        operation()
    own = Deployment(
        KeepWarmConfiguration("agent", f"{ARN}agent", VARIABLES), cast("Any", aws), [], NOW
    )
    levels = {one.check: one.level for one in own.diagnoses([PREFIX])}
    assert levels.pop("ticks") == levels.pop("observation") == "unknown"
    assert set(levels.values()) == {"ok"}, levels
    assert dumps(PREFIX)
