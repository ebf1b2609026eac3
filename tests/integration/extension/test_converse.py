"""The init phase on Bedrock's Converse: one signed warm call, and a first request that reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from extension_bench import PROMPT, unzipped_layer

from prefixwarm.prefix import prefix_file
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from pathlib import Path

    from extension_bench import Bench

MODEL = "us.anthropic.claude-sonnet-5-5"
ASK = """
import json, os, urllib.request

def handler(event, context):
    call = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] + "/model/MODEL/converse",
        data=json.dumps(REQUEST).encode(),
        headers={"content-type": "application/json", "authorization": "Bearer key"},
    )
    return json.load(urllib.request.urlopen(call, timeout=20))["usage"]
"""


def request() -> dict[str, Any]:
    """An agent's request, as boto3 takes it."""
    return {
        "modelId": MODEL,
        "system": [{"text": PROMPT * 400}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
    }


def test_the_first_converse_request_reads(bench: Bench, tmp_path: Path) -> None:
    """By the function's own role; the warm call asks for the one token that it must."""
    tmp_path.chmod(0o755)
    prefix = prefix_file.build("talk", derive(request()), route="bedrock-converse")
    layer = unzipped_layer(tmp_path, [prefix_file.write(prefix, tmp_path / "prefixes")])
    sent = {name: value for name, value in request().items() if name != "modelId"}
    code = bench.code(f"REQUEST = {sent!r}\n{ASK.replace('MODEL', MODEL)}")
    function = bench.function(code, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bench.provider.url)
    started = bench.start(replace(function, layers=(layer,)))
    assert (started.line["outcome"], started.line["prefix"]) == ("written", "talk")
    (warm, asked) = bench.provider.requests()
    assert (warm["path"], warm["status"]) == (f"/model/{MODEL}/converse", 200)
    assert warm["body"]["inferenceConfig"] == {"maxTokens": 1}
    assert warm["warm"] is True
    assert asked["status"] == 200
    assert started.answer.payload["cacheReadInputTokens"] == started.line["WarmWriteTokens"] > 5000
    assert started.answer.payload["cacheWriteInputTokens"] == 0
    (state,) = bench.states()
    assert (state["outcome"], state["calls"]) == ("written", "1")
