"""The keep-warm function on Bedrock's Converse: written, refreshed, and read by boto3."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3

from prefixwarm.prefix.prefix_file import build, dumps
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
REQUEST: dict[str, Any] = {
    "modelId": "us.anthropic.claude-sonnet-5-5",
    "system": [
        {"text": "You are a helper. " * 400},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
    ],
    "messages": [{"role": "user", "content": [{"text": "Where is my order?"}]}],
}
PRICES = {"input": 2.2, "read": 0.11, "write_5m": 2.75, "write_1h": 4.4, "output": 11.0}


def test_converse_is_kept_warm(world: World) -> None:
    """Signed with the function's role; each call costs one token of output."""
    world.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = world.sim.url
    prices = {"as_of": "2026-11-21", "source": "test", "usd_per_mtok": PRICES}
    prefix = build("talk", derive(REQUEST), route="bedrock-converse", prices=prices)
    world.deploy_entries([world.upload("talk", dumps(prefix))])
    (written,) = world.tick().outcomes
    (refreshed,) = [o for report in world.passes(60 * MINUTE) for o in report.outcomes]
    assert [(o.kind, o.max_tokens) for o in (written, refreshed)] == [
        ("written", 1),
        ("refreshed", 1),
    ]
    assert (written.usage.output, refreshed.usage.output) == (1, 1)
    session = boto3.Session("AKIAEXAMPLE", "secret", region_name=world.environ["AWS_REGION"])
    with closing(session.client("bedrock-runtime", endpoint_url=world.sim.url)) as client:
        usage = client.converse(**REQUEST)["usage"]
    assert usage["cacheReadInputTokens"] == written.usage.write_1h == refreshed.usage.read
    assert {call["path"] for call in world.warm_calls()} == {
        "/model/us.anthropic.claude-sonnet-5-5/converse"
    }
