"""Lambda's `Invoke` on this machine, asked by boto3."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from prefixwarm.local.emulated_function import ACCOUNT, REGION, Function
from prefixwarm.local.lambda_endpoint import LambdaEndpoint
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLER = """
def handler(event, context):
    if event == "fail":
        raise ValueError("as asked")
    return {"event": event}
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaEndpoint]:
    """One function, named `echo`."""
    code: Path = tmp_path_factory.mktemp("code")
    code.chmod(0o755)
    (code / "handler.py").write_text(HANDLER)
    with LambdaEndpoint({"echo": Function(code)}) as running:
        yield running


def client(endpoint: LambdaEndpoint, secret: str = "local") -> Any:
    """A client of it."""
    return boto3.client(
        "lambda",
        endpoint_url=endpoint.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=secret,
    )


def invoke(endpoint: LambdaEndpoint, event: object, **options: str) -> dict[str, Any]:
    """Invoke `echo`."""
    answer = client(endpoint).invoke(
        FunctionName="echo", Payload=json.dumps(event).encode(), **options
    )
    return {**answer, "value": json.loads(answer["Payload"].read() or b"null")}


def test_it_answers_with_the_functions_value(endpoint: LambdaEndpoint) -> None:
    """By name and by ARN; a second invocation finds the environment of the first."""
    assert invoke(endpoint, {"n": 1})["value"] == {"event": {"n": 1}}
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    answer = client(endpoint).invoke(FunctionName=arn, Payload=b"2")
    assert json.loads(answer["Payload"].read()) == {"event": 2}


def test_a_handlers_error_is_marked(endpoint: LambdaEndpoint) -> None:
    """As Lambda marks it."""
    answer = invoke(endpoint, "fail")
    assert answer["FunctionError"] == "Unhandled"
    assert answer["value"]["errorMessage"] == "as asked"


def test_many_at_once_have_an_environment_each(endpoint: LambdaEndpoint) -> None:
    """Nobody waits for somebody else's invocation."""
    with ThreadPoolExecutor(3) as pool:
        values = list(pool.map(lambda n: invoke(endpoint, n)["value"], range(3)))
    assert values == [{"event": n} for n in range(3)]


def test_an_event_is_answered_before_it_is_handled(endpoint: LambdaEndpoint) -> None:
    """With 202 and nothing else."""
    assert invoke(endpoint, "later", InvocationType="Event")["StatusCode"] == 202
    until(lambda: ("echo", "later") in endpoint.invocations)


@pytest.mark.parametrize(
    ("secret", "name", "error"),
    [
        ("another", "echo", "InvalidSignatureException"),
        ("local", "missing", "ResourceNotFoundException"),
    ],
)
def test_what_it_refuses(endpoint: LambdaEndpoint, secret: str, name: str, error: str) -> None:
    """A wrong signature, and a function that is not there."""
    with pytest.raises(ClientError, match=error):
        client(endpoint, secret).invoke(FunctionName=name, Payload=b"{}")
