"""An agent on Node.js, deployed: its start asks the deployed keep-warm function.

The emulator and Node.js are the real ones; AWS's runtime client of Node.js, which has to be
compiled, has a stand-in (`prefixwarm/local/node_runtime`).
"""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
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
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.simulator import Simulator

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "asking_app"
EXAMPLES = Path(__file__).parents[2] / "examples"
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
    keep_warm: str

    @contextmanager
    def handed_over(self, name: str) -> Iterator[None]:
        """The local AWS API hands this function's invocations over to the endpoint."""
        endpoint = self.endpoint

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                data = json.dumps(endpoint.invoke(name, event)).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            client = self.aws.client("lambda")
            own = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            url = f"http://127.0.0.1:{server.server_port}/"
            forwarded = {**own, "MINISTACK_LAMBDA_PROXY_URL": url}
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": forwarded}
            )
            yield
            server.shutdown()

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
        yield Deployed(replace(own, timeout=60), endpoint, provider, aws, table, name)


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


def test_a_state_machine_asks(deployed: Deployed) -> None:
    """The example's, on the local AWS API, which hands the task over to the deployed function."""
    name, client = deployed.keep_warm, deployed.aws.client("stepfunctions")
    text = (EXAMPLES / "step_functions" / "agent.asl.json").read_text()
    with deployed.handed_over(name):
        machine = client.create_state_machine(
            name="agent",
            definition=text.replace("${KeepWarmFunction}", name),
            roleArn="arn:aws:iam::123456789012:role/machine",
        )["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        done = until(lambda: _ended(client.describe_execution(executionArn=execution)))
    assert done["status"] == "SUCCEEDED", done
    (warmed, _) = json.loads(done["output"])
    assert [outcome["outcome"] for outcome in warmed["outcomes"]] == ["written"]


def _ended(execution: dict[str, Any]) -> dict[str, Any] | None:
    return None if execution["status"] == "RUNNING" else execution
