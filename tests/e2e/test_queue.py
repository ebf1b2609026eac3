"""Schedule, keep-warm function, queue and workers as deployed: more prefixes than one tick warms.

What fires is the local AWS API's own Scheduler and event source mapping; they hand each event to
the deployed code under the runtime emulator. Three hundred prefixes would take a minute to deploy,
so the number of calls that a tick makes itself is lowered, in the deployed code as in the
construct. Not covered: the minute's rate, as a schedule like the deployed one fires once, at once;
and Lambda's retries of a tick.
"""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local import local_http
from prefixwarm.local.emulator import Environment
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.simulated_provider import KEY
from prefixwarm.local.toolchain import Tools
from prefixwarm.prefix import prefix_file
from prefixwarm.simulator import Latency, Principal, Simulator, running
from tests.helpers.deploying import deploy, output
from tests.helpers.derived import derive
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.deployment import Deployment
    from prefixwarm.local.emulated_function import Function

pytestmark = pytest.mark.e2e

COUNT = 14
OWN = 3  # What a tick does itself: the scout, and two.
WORKERS = 2
NO_WAIT = Latency(base=0.02, prefill_rate=1e9, read_rate=1e9, output_rate=1e9)


class PrefixCatalog:
    """The deployment, with its functions' environments behind the local AWS API."""

    def __init__(self, deployment: Deployment, provider: Simulator, stack: ExitStack) -> None:
        self.aws = deployment.aws
        self._schedule = self._paused_schedule()
        self.provider = provider
        self.table = output(deployment, "TableName")
        self.events: list[tuple[str, Any]] = []
        self._idle: dict[str, SimpleQueue[Environment]] = {}
        self._server = ThreadingHTTPServer((local_http.loopback_address(), 0), self._handler())
        stack.callback(self._server.server_close)
        stack.callback(self._server.shutdown)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.keep_warm = output(deployment, "KeepWarmName")
        self.worker = self._named("prefixwarm.keepwarm.worker.handler")
        for name, count in ((self.keep_warm, 1), (self.worker, WORKERS)):
            self._idle[name] = SimpleQueue()
            function = lowered(deployment.function(name))
            for _ in range(count):
                environment = Environment(function, tools=deployment.tools)
                self._idle[name].put(stack.enter_context(environment))
            self._forward(name)

    @property
    def queue(self) -> str:
        """URL of the work queue, as the deployed function knows it."""
        configuration = self.aws.client("lambda").get_function_configuration(
            FunctionName=self.keep_warm
        )
        return str(configuration["Environment"]["Variables"]["PREFIXWARM_QUEUE"])

    def fire(self) -> None:
        """Start the deployed schedule's target, as Scheduler does, at once."""
        now = {"Name": "now", "ScheduleExpression": "at(2026-01-01T00:00:00)", "State": "ENABLED"}
        self.aws.client("scheduler").create_schedule(**{**self._schedule, **now})

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.table)
        return [item for page in pages for item in page["Items"]]

    def asked(self) -> list[str]:
        """Which prefix each warm call that the provider received was for."""
        return [request["body"]["system"][0]["text"][:9] for request in self.provider.requests()]

    def _paused_schedule(self) -> dict[str, Any]:
        """The deployed schedule, which then starts nothing by itself."""
        client = self.aws.client("scheduler")
        (entry,) = client.list_schedules()["Schedules"]
        schedule = client.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
        names = ("Name", "GroupName", "FlexibleTimeWindow", "Target", "ScheduleExpression")
        kept = {name: schedule[name] for name in names}
        client.update_schedule(**kept, State="DISABLED")
        return kept

    def _named(self, handler: str) -> str:
        functions = self.aws.client("lambda").list_functions()["Functions"]
        (name,) = [
            function["FunctionName"] for function in functions if function["Handler"] == handler
        ]
        return str(name)

    def _forward(self, name: str) -> None:
        """Have the local AWS API hand the function's events over to its environments."""
        client = self.aws.client("lambda")
        deployed = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        host, port = self._server.server_address[:2]
        url = f"http://{host!s}:{port}/"
        variables = {**deployed, "MINISTACK_LAMBDA_PROXY_URL": url}
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        catalog = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Invoke the function that the event is for; an error is one for its caller."""
                name = self.headers["X-Amzn-Lambda-Function-Name"]
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                payload = catalog._invoke(name, event)
                failed = isinstance(payload, dict) and "errorMessage" in payload
                self.send_response(500 if failed else 200)
                self.end_headers()
                self.wfile.write(json.dumps(payload).encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler

    def _invoke(self, name: str, event: Any) -> Any:
        environment = self._idle[name].get()
        try:
            answer = environment.invoke(event).payload
        finally:
            self._idle[name].put(environment)
        self.events.append((name, answer))
        return answer


def lowered(function: Function) -> Function:
    """The same code, with another number in one line."""
    file = function.code / "prefixwarm/prefix/manifest.py"
    before = file.read_text()
    after = re.sub(r"^MOST_IN_A_TICK = \d+$", f"MOST_IN_A_TICK = {OWN - 1}", before, flags=re.M)
    assert f"MOST_IN_A_TICK = {OWN - 1}" in after
    file.write_text(after)
    return function


def write_prefixes(folder: Path) -> Path:
    """More agents than one tick warms."""
    for number in range(COUNT):
        text = f"Agent {number:03}" + ". Answer the customer's question about the order." * 60
        marker = {"type": "ephemeral", "ttl": "1h"}
        request = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 9,
            "system": [{"type": "text", "text": text, "cache_control": marker}],
            "messages": [{"role": "user", "content": "Hello"}],
        }
        headers = {"anthropic-version": "2026-10-21"}
        built = prefix_file.build(f"agent-{number:03}", derive(request), headers=headers)
        prefix_file.write(built, folder)
    return folder


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefixCatalog]:
    """Deployed once by the real CDK CLI; nothing has run yet."""
    work, tools = tmp_path_factory.mktemp("fleet"), Tools()
    tools.fetch_all()
    with ExitStack() as stack:
        keys = {KEY: Principal()}
        provider = stack.enter_context(running("real", latency=NO_WAIT, keys=keys))
        aws = stack.enter_context(LocalAws())
        secret = aws.client("secretsmanager").create_secret(Name="key", SecretString=KEY)
        context = {
            "prefixes": str(write_prefixes(work / "prefixes")),
            "secret": secret["ARN"],
            "base_url": provider.url,
            "runtime": f"python3.{sys.version_info.minor}",
        }
        app = Path(__file__).parent / "fleet_app"
        command = [sys.executable, "app.py"]
        done = deploy(tools, aws, command, folder=app, work=work, context=context)
        yield PrefixCatalog(done, provider, stack)


def test_a_tick_hands_over_what_is_beyond_it(catalog: PrefixCatalog) -> None:
    """Scheduler, tick, queue, event source, workers, provider, state: each prefix once."""
    catalog.fire()
    until(lambda: len(catalog.asked()) >= COUNT and len(catalog.events) > 1)
    states = [item for item in catalog.items() if "warm_until" in item]
    assert sorted(catalog.asked()) == [f"Agent {number:03}" for number in range(COUNT)]
    assert {item["outcome"]["S"] for item in states} == {"written"}
    (tick,) = [answer for name, answer in catalog.events if name == catalog.keep_warm]
    assert (tick["outcomes"], tick["queued"]) == ({"written": OWN}, COUNT - OWN)


def test_a_poison_message_ends_as_a_dead_letter(catalog: PrefixCatalog) -> None:
    """What the table refuses each time; those beside it in the queue are worked off."""
    sqs, queue = catalog.aws.client("sqs"), catalog.queue
    # Deployed are 45 seconds, and a message is received three times.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    poison = {
        "key": "",
        "name": "poison",
        "action": "refresh",
        "reason": "none",
        "decided_at": time.time(),
        "latest_start": 9e9,
        "warm_until": 0,
    }
    for body in (json.dumps(poison), "no message"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    target = json.loads(policy["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
    dead = sqs.get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]
    letters: list[dict[str, Any]] = []

    def arrived() -> bool:
        letters.extend(sqs.receive_message(QueueUrl=dead).get("Messages", ()))
        return bool(letters)

    until(arrived)
    assert [message["Body"] for message in letters] == [json.dumps(poison)]
    assert len(catalog.asked()) == COUNT
