"""The fault matrix: the table of the warm state, and the secret of the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from extension_bench import ENDED, patience
from faulty_server import FaultyServer, hang, reply, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from extension_bench import Bench, Started

    Harmless = Callable[..., Started]


AWS_ERRORS = {
    "missing": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
    "denied": "com.amazon.coral.service#AccessDeniedException",
    "throttled": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "bad signature": "com.amazon.coral.service#InvalidSignatureException",
}
TABLE_FAULTS = [
    *(
        (name, reply(400, {"__type": word}), word.split("#")[1])
        for name, word in AWS_ERRORS.items()
    ),
    ("500", reply(500, {"__type": "x#InternalServerError"}), "InternalServerError"),
    ("hang", hang, "the table cannot be reached"),
    ("garbage", send(b"hello"), "the table cannot be reached"),
    ("not JSON", reply(200, b"<html>"), "without a JSON object"),
    ("odd item", reply(200, {"Item": {"warm_until": {"S": "soon"}}}), "warm_until is not a time"),
]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [f[1:] for f in TABLE_FAULTS], ids=[f[0] for f in TABLE_FAULTS]
)
def test_the_table_fails(bench: Bench, harmless: Harmless, behaviour: object, reason: str) -> None:
    """Without the state nothing is sent."""
    with FaultyServer(behaviour) as server:
        function = bench.plain(AWS_ENDPOINT_URL_DYNAMODB=server.url, PREFIXWARM_INIT_HOLD_MS="9000")
        started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]
    assert bench.warm_calls() == []


SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:anthropic"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (reply(400, {"__type": "ResourceNotFoundException"}), "ResourceNotFoundException"),
        (reply(400, {"__type": "AccessDeniedException"}), "AccessDeniedException"),
        (reply(200, {"SecretBinary": "eA=="}), "holds no text"),
        (reply(200, {"SecretString": "{}"}), "holds no key"),
        (hang, ENDED),
    ],
    ids=["missing", "denied", "binary", "empty", "hang"],
)
def test_the_secret_fails(bench: Bench, harmless: Harmless, behaviour: object, reason: str) -> None:
    """Without a key nothing is sent, and the reference is named."""
    with FaultyServer(behaviour) as server:
        function = bench.plain(
            AWS_ENDPOINT_URL_SECRETS_MANAGER=server.url,
            ANTHROPIC_API_KEY="",
            PREFIXWARM_API_KEY_SECRET=SECRET,
            **patience(reason),
        )
        started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]
    assert bench.warm_calls() == []


def test_a_secret_that_the_provider_refuses_is_not_shown(bench: Bench, harmless: Harmless) -> None:
    """It is fetched once more, as it may have rotated, and then given up."""
    bench.provider.inject(status=401)
    secrets = bench.aws.client("secretsmanager")
    arn = secrets.create_secret(Name=bench.scope, SecretString="sk-ant-rotated-away")["ARN"]
    started = harmless(bench.plain(ANTHROPIC_API_KEY="", PREFIXWARM_API_KEY_SECRET=arn))
    assert "HTTP 401" in started.line["reason"]
    assert "rotated-away" not in started.log
    assert len(bench.warm_calls()) == 2
