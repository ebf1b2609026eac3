"""An agent on Node.js, deployed: its start asks the deployed keep-warm function.

The emulator and Node.js are the real ones; AWS's runtime client of Node.js, which has to be
compiled, has a stand-in (`prefixwarm/local/node_runtime`).
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.emulator import Environment
from prefixwarm.local.toolchain import Tools
from prefixwarm.simulator import Latency
from tests.helpers.asking import asking_stack
from tests.helpers.deploying import output
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.emulated_function import Function
    from tests.helpers.asking import AskingStack

pytestmark = pytest.mark.e2e

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
    "messages": [{"role": "user", "content": "Hello"}],
}
# Why a start on a busy machine may do without an answer.
LATE = ("the warm state cannot be read", "did not answer within the hold")
QUICK = Latency(base=0.05, prefill_rate=1e6, read_rate=1e9, output_rate=1e9)


def invoke(stack: AskingStack, name: str, event: bytes) -> bytes:
    """The JSON that a function behind the endpoint answers."""
    client = boto3.client(
        "lambda",
        endpoint_url=stack.endpoint.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",
    )
    return client.invoke(FunctionName=name, Payload=event)["Payload"].read()


@dataclass(frozen=True)
class Asking:
    """The agent, and what it is deployed with."""

    agent: Function
    stack: AskingStack

    @contextmanager
    def handed_over(self, name: str) -> Iterator[None]:
        """The local AWS API hands this function's invocations over to the endpoint."""
        stack = self.stack

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = self.rfile.read(int(self.headers["Content-Length"]))
                data = invoke(stack, name, event)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            client = stack.aws.client("lambda")
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

    def start_in_time(self, count: int = 1) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """`start`, as often at once; all again where this machine was too slow for the hold."""
        for attempt in range(5):
            if attempt:
                self.clear()
            with ThreadPoolExecutor(count) as pool:
                started = list(pool.map(lambda _: self.start(), range(count)))
            reasons = [line.get("reason", "") for _, line in started]
            if not any(late in reason for late in LATE for reason in reasons):
                break
        return started

    def clear(self) -> None:
        """Nothing is cached, recorded or under way."""
        if self.stack.endpoint.invocations:
            # Ends after a call that a busy machine has not ended yet.
            invoke(self.stack, self.stack.keep_warm, b'{"warm": ["support"], "wait": true}')
        self.stack.clear()
        self.stack.endpoint.invocations.clear()

    def state(self) -> dict[str, Any]:
        """The prefix's warm state."""
        client = self.stack.aws.client("dynamodb")
        items = client.scan(TableName=self.stack.table)["Items"]
        (state,) = [item for item in items if "warm_until" in item]
        return dict(state)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Deployed once by the real CDK CLI."""
    with asking_stack(Tools(), tmp_path_factory.mktemp("asking"), REQUEST, QUICK) as stack:
        own = stack.deployment.function(output(stack.deployment, "AgentName"))
        agent = own.having(
            AWS_ENDPOINT_URL_LAMBDA=stack.endpoint.url,
            # Long, so that the warm call comes first on a busy machine, too.
            PREFIXWARM_INIT_HOLD_MS="9000",
        )
        yield Asking(replace(agent, timeout=60), stack)


@pytest.fixture
def deployed(asking: Asking) -> Asking:
    """The same with a cold cache and an empty state."""
    asking.clear()
    return asking


def test_the_first_request_reads_what_its_start_asked_for(deployed: Asking) -> None:
    """The deployed function wrote it, and now counts this function's invocations."""
    ((usage, line),) = deployed.start_in_time()
    assert (line["outcome"], line["prefix"]) == ("written", "support")
    assert usage["cache_creation_input_tokens"] == 0
    assert usage["cache_read_input_tokens"] > 4000
    assert deployed.state()["functions"]["SS"] == [deployed.agent.name]
    (event,) = [event for _, event in deployed.stack.endpoint.invocations]
    assert event["function"] == deployed.agent.name


def test_a_start_that_finds_it_warm_asks_nobody(deployed: Asking) -> None:
    """It reads the state, and that is all."""
    deployed.start_in_time()
    before = len(deployed.stack.endpoint.invocations)
    usage, line = deployed.start()
    assert (line["outcome"], line["reason"]) == ("skipped", "warm")
    assert usage["cache_read_input_tokens"] > 4000
    assert len(deployed.stack.endpoint.invocations) == before


def test_starts_at_once_are_one_write(deployed: Asking) -> None:
    """Each gets its outcome."""
    started = deployed.start_in_time(4)
    assert sum(usage["cache_creation_input_tokens"] for usage, _ in started) == 0
    warm = [request for request in deployed.stack.provider.requests() if request["warm"]]
    assert len(warm) == 1


def test_a_state_machine_asks(deployed: Asking) -> None:
    """The example's, on the local AWS API, which hands the task over to the deployed function."""
    name, client = deployed.stack.keep_warm, deployed.stack.aws.client("stepfunctions")
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
