"""What is said to AWS, and what its errors become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from prefixwarm.errors import PrefixFileError, StateError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls, quick
from prefixwarm.keepwarm.invocations import TrafficError, invocations
from prefixwarm.keepwarm.s3 import Bucket
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.wire.deadline import Deadline
from tests.unit.keepwarm.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = {"region_name": "us-east-1"}
KEYS = {**REGION, "aws_access_key_id": "x", "aws_secret_access_key": "y"}


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    """CloudWatch in process."""
    with mock_aws():
        yield boto3.client("cloudwatch", **REGION)  # type: ignore[call-overload]


def invoked(cloudwatch: Any, function: str, at: float, count: int = 1) -> None:
    """Put one data point."""
    metric = {
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
        "Timestamp": at,
        "Value": count,
    }
    cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[metric])


def test_minutes_with_invocations_are_told_by_function(cloudwatch: Any) -> None:
    """Minutes without any are not traffic, and what is long ago is not asked for."""
    invoked(cloudwatch, "agent", NOW - 590)
    invoked(cloudwatch, "agent", NOW - 30, 7)
    invoked(cloudwatch, "agent", NOW - 9000)
    invoked(cloudwatch, "other", NOW - 100, 0)
    minutes = invocations(cloudwatch, ["agent", "other", "unknown"], NOW)
    assert minutes == {"agent": [NOW - 600, NOW - 60], "other": [], "unknown": []}


def test_five_hundred_functions_are_one_call(cloudwatch: Any) -> None:
    """And 501 are two."""
    calls: list[str] = []
    cloudwatch.meta.events.register("before-call.cloudwatch", lambda **_: calls.append("call"))
    names = [f"f-{i}" for i in range(501)]
    invocations(cloudwatch, names[:500], NOW)
    assert len(calls) == 1
    invocations(cloudwatch, names, NOW)
    assert len(calls) == 3


def test_no_functions_are_no_call(cloudwatch: Any) -> None:
    """Nothing to ask, nothing to pay."""
    cloudwatch.meta.events.register("before-call.cloudwatch", lambda **_: pytest.fail("called"))
    assert invocations(cloudwatch, [], NOW) == {}


def test_a_refusal_of_cloudwatch_is_told() -> None:
    """Its grant may be missing."""
    client: Any = boto3.client("cloudwatch", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied")
        with pytest.raises(TrafficError, match="AccessDenied"):
            invocations(client, ["agent"], NOW)


def stubbed(code: str, **response: Any) -> Any:
    """A DynamoDB client whose next UpdateItem fails."""
    client: Any = boto3.client("dynamodb", **KEYS)  # type: ignore[call-overload]
    stub = Stubber(client)
    stub.add_client_error("update_item", code, modeled_fields=response)
    stub.activate()
    return client


PARAMETERS = {"TableName": "t", "Key": {"pk": {"S": "k"}}}


def test_a_condition_that_fails_brings_the_item() -> None:
    """It says who holds the lease."""
    item = {"pk": {"S": "k"}}
    call = boto_calls(stubbed("ConditionalCheckFailedException", Item=item))
    with pytest.raises(ConditionFailed) as failed:
        call("UpdateItem", PARAMETERS, Deadline.after(60))
    assert failed.value.item == item


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ProvisionedThroughputExceededException"]
)
def test_every_other_refusal_is_an_unusable_state(code: str) -> None:
    """By its name."""
    with pytest.raises(StateError, match=f"the table refused UpdateItem: HTTP 400 {code}"):
        boto_calls(stubbed(code))("UpdateItem", PARAMETERS, Deadline.after(60))


def test_no_table_in_reach_is_an_unusable_state() -> None:
    """After two quick attempts."""
    client: Any = boto3.client(  # type: ignore[call-overload]
        "dynamodb", **KEYS, endpoint_url="http://127.0.0.1:9", config=quick(1)
    )
    with pytest.raises(StateError, match="the table cannot be reached"):
        boto_calls(client)("GetItem", PARAMETERS, Deadline.after(60))


def test_no_time_left_sends_nothing() -> None:
    """Not even to the table."""
    with pytest.raises(StateError, match="no time is left for GetItem"):
        boto_calls(stubbed("unused"))("GetItem", PARAMETERS, Deadline.after(0))


def test_an_object_that_may_not_be_read_is_named() -> None:
    """With what to do."""
    client: Any = boto3.client("s3", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "AccessDenied")
        with pytest.raises(PrefixFileError) as refused:
            Bucket(client, "assets").read("a.json")
    assert str(refused.value).startswith("s3://assets/a.json: cannot be read (AccessDenied); ")
