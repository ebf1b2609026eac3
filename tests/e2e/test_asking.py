"""An agent on Node.js, deployed: its start asks the deployed keep-warm function.

The emulator and Node.js are the real ones; AWS's runtime client of Node.js, which has to be
compiled, has a stand-in (`prefixwarm/local/node_runtime`).
"""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.deployment import deploy
from prefixwarm.local.emulator import Environment
from prefixwarm.local.lambda_endpoint import LambdaEndpoint
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.simulated_provider import KEY
from prefixwarm.local.toolchain import Tools
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.warm_request import derive
from prefixwarm.simulator import Latency, Principal, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.simulator import Simulator

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "asking_app"
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 16,
    "system": [
        {
            "type": "text",
            "text": "You are the support agent of a bicycle shop. " * 400,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
    ],
}
QUICK = Latency(base=0.05, prefill_rate=1e6, read_rate=1e9, output_rate=1e9)


@dataclass(frozen=True)
class Deployed:
    """The agent, and who answers it."""

    agent: Function
    endpoint: LambdaEndpoint
    provider: Simulator
    aws: LocalAws
    table: str

    def start(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new environment's first answer, and the layer's line."""
        with Environment(self.agent, tools=Tools()) as environment:
            usage = environment.invoke({"question": "Which chain?"}).payload
            log = environment.close()
        lines = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
        (line,) = [line for line in lines if line.get("by") == "init"]
        return usage, line

    def state(self) -> dict[str, Any]:
        """The prefix's warm state."""
        items = self.aws.client("dynamodb").scan(TableName=self.table)["Items"]
        (state,) = [item for item in items if "warm_until" in item]
        return dict(state)

    def clear(self) -> None:
        """Nothing is cached, and no state recorded."""
        self.provider.reset()
        client = self.aws.client("dynamodb")
        for item in client.scan(TableName=self.table)["Items"]:
            client.delete_item(TableName=self.table, Key={"pk": item["pk"]})


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Deployed once by the real CDK CLI."""
    work, tools = tmp_path_factory.mktemp("asking"), Tools()
    tools.fetch_all()
    agent = shutil.copytree(APP / "agent", work / "agent")
    (agent / "request.json").write_text(json.dumps(REQUEST))
    request = {**REQUEST, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"anthropic-version": "2023-06-01"}
    prefix_file.write(
        prefix_file.build("support", derive(request), headers=headers), work / "prefixes"
    )
    with ExitStack() as stack:
        provider = stack.enter_context(running("real", latency=QUICK, keys={KEY: Principal()}))
        aws = stack.enter_context(LocalAws())
        secret = aws.client("secretsmanager").create_secret(Name="key", SecretString=KEY)
        context = {
            "prefixes": str(work / "prefixes"),
            "agent": str(agent),
            "key": KEY,
            "secret": secret["ARN"],
            "base_url": provider.url,
            "runtime": f"python3.{sys.version_info.minor}",
        }
        command = [sys.executable, "app.py"]
        done = deploy(tools, aws, command, folder=APP, work=work, context=context)
        name = done.output("KeepWarmName")
        functions = {name: done.function(name)}
        endpoint = stack.enter_context(LambdaEndpoint(functions, tools=tools))
        # Long, so that the warm call comes first on a busy machine, too.
        settings = {"AWS_ENDPOINT_URL_LAMBDA": endpoint.url, "PREFIXWARM_INIT_HOLD_MS": "9000"}
        own = done.function(done.output("AgentName")).having(**settings)
        table = done.output("TableName")
        yield Deployed(replace(own, timeout=60), endpoint, provider, aws, table)


@pytest.fixture
def deployed(deployment: Deployed) -> Deployed:
    """The same with a cold cache and an empty state."""
    deployment.clear()
    return deployment


def test_the_first_request_reads_what_its_start_asked_for(deployed: Deployed) -> None:
    """The deployed function wrote it, and now counts this function's invocations."""
    usage, line = deployed.start()
    assert (line["outcome"], line["prefix"]) == ("written", "support")
    assert usage["cache_creation_input_tokens"] == 0
    assert usage["cache_read_input_tokens"] > 4000
    assert deployed.state()["functions"]["SS"] == [deployed.agent.name]
    (event,) = [event for _, event in deployed.endpoint.invocations]
    assert event["function"] == deployed.agent.name


def test_a_start_that_finds_it_warm_asks_nobody(deployed: Deployed) -> None:
    """It reads the state, and that is all."""
    deployed.start()
    before = len(deployed.endpoint.invocations)
    usage, line = deployed.start()
    assert (line["outcome"], line["reason"]) == ("skipped", "warm")
    assert usage["cache_read_input_tokens"] > 4000
    assert len(deployed.endpoint.invocations) == before


def test_starts_at_once_are_one_write(deployed: Deployed) -> None:
    """Each gets its outcome."""
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: deployed.start(), range(4)))
    assert sum(usage["cache_creation_input_tokens"] for usage, _ in started) == 0
    warm = [request for request in deployed.provider.requests() if request["warm"]]
    assert len(warm) == 1
