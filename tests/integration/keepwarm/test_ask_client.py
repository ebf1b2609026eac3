"""`prefixwarm.ask` and the command, by boto3 over HTTP, against the deployed entry point."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from prefixwarm import ask
from prefixwarm.cli.command_group import run
from prefixwarm.errors import (
    ProtocolError,
    ProviderError,
    SettingsError,
    TransportError,
    UsageError,
)
from prefixwarm.keepwarm import runtime as module
from prefixwarm.keepwarm.handler import handler
from tests.integration.keepwarm.test_handler import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.integration.keepwarm.conftest import World


class Invoker:
    """Lambda's `Invoke` for the one function `keep-warm`: real requests, the real handler."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.events: list[Any] = []
        self.reply: tuple[int, dict[str, str], bytes] | None = None

    def answer(self, path: str, kind: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.kinds.append(kind)
        self.events.append(json.loads(body))
        if self.reply is not None:
            return self.reply
        if path != "/2015-03-31/functions/keep-warm/invocations":
            error = {"x-amzn-ErrorType": "ResourceNotFoundException"}
            return 404, error, b'{"Message": "Function not found"}'
        result = handler(self.events[-1], cast("LambdaContext", Context()))
        return (202, {}, b"") if kind == "Event" else (200, {}, json.dumps(result).encode())


@pytest.fixture
def invoker(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoker]:
    """With one environment behind it, which boto3 finds by its endpoint."""
    world.deploy("support", "sales")
    runtime = world.new_runtime()
    monkeypatch.setattr(module, "CURRENT", [runtime])
    invoker = Invoker()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers["X-Amz-Invocation-Type"]
            status, headers, data = invoker.answer(self.path, kind, body)
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
    yield invoker
    server.shutdown()
    server.server_close()
    thread.join()


def test_it_is_answered(world: World, invoker: Invoker) -> None:
    """By the function that is named, or that the environment names."""
    support, sales = ask("support", "sales", function="keep-warm")
    assert (support.name, support.outcome, support.warm) == ("support", "written", True)
    assert support.cost_usd
    assert sales.outcome == "written"
    (again,) = ask("support", function="keep-warm", client=boto3.client("lambda"))
    assert (again.outcome, again.reason, again.cost_usd) == ("skipped", "warm", 0.0)
    assert again.warm_until == support.warm_until
    assert len(world.warm_calls()) == 2


def test_the_environment_names_the_function(
    invoker: Invoker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `attach` sets it."""
    with pytest.raises(UsageError, match="set PREFIXWARM_ASK"):
        ask("support")
    monkeypatch.setenv("PREFIXWARM_ASK", "keep-warm")
    assert ask("support", needed_for_seconds=30)[0].warm
    assert invoker.events[-1]["needed_for_seconds"] == 30


def test_who_does_not_wait_makes_an_event(world: World, invoker: Invoker) -> None:
    """Lambda answers at once, and the function does the work."""
    assert ask("support", function="keep-warm", wait=False) == []
    assert invoker.kinds == ["Event"]
    assert len(world.warm_calls()) == 1


def test_what_cannot_be_asked_is_not_sent(invoker: Invoker) -> None:
    """Nobody would hear of it where nobody waits."""
    with pytest.raises(UsageError, match="is not a list of prefix names"):
        ask(function="keep-warm", wait=False)
    with pytest.raises(UsageError, match="write seconds"):
        ask("support", function="keep-warm", needed_for_seconds=float("nan"))
    assert invoker.events == []


REFUSED = b'{"outcomes": [], "error": {"type": "SettingsError", "message": "the manifest"}}'
FAILED = b'{"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"}'


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        ((200, {}, REFUSED), SettingsError, "^the manifest$"),
        (
            (200, {"X-Amz-Function-Error": "Unhandled"}, FAILED),
            ProtocolError,
            "failed: Sandbox.Timedout: Task timed out",
        ),
        ((200, {}, b"null"), ProtocolError, "is not a JSON object"),
        ((200, {}, b"<html>"), ProtocolError, "is not a JSON object"),
        ((200, {}, b'{"due": 0, "outcomes": {"written": 1}}'), ProtocolError, "this version"),
        ((200, {}, b'{"hello": "world"}'), ProtocolError, "no outcomes"),
        (
            (403, {"x-amzn-ErrorType": "AccessDeniedException"}, b"{}"),
            ProviderError,
            "HTTP 403 AccessDeniedException",
        ),
    ],
)
def test_what_goes_wrong_is_an_error(
    invoker: Invoker, reply: Any, error: type[Exception], says: str
) -> None:
    """The deployment's, the function's, and Lambda's own."""
    invoker.reply = reply
    with pytest.raises(error, match=says):
        ask("support", function="keep-warm")


def test_a_wrong_function_or_name(invoker: Invoker, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each."""
    with pytest.raises(UsageError, match="there is no Lambda function 'keepwarm'"):
        ask("support", function="keepwarm")
    with pytest.raises(UsageError, match="there is no prefix 'suport'"):
        ask("suport", function="keep-warm")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
    with pytest.raises(TransportError, match="cannot be invoked"):
        ask("support", function="keep-warm")


def test_the_command(invoker: Invoker, capsys: Any) -> None:
    """A table, JSON, and exit codes."""
    assert run(["ask", "support", "--function", "keep-warm"]) == 0
    # The function's own log stands between.
    lines = [text for text in capsys.readouterr().out.splitlines() if text[0] != "{"]
    assert lines[0].split() == ["PREFIX", "OUTCOME", "LEFT", "COST", "WHY"]
    # The simulator's clock is another one than the command's.
    assert lines[1].split()[:2] == ["support", "written"]
    assert run(["ask", "support", "--function", "keep-warm", "--json"]) == 0
    (outcome,) = json.loads(capsys.readouterr().out.partition("\n")[2])["outcomes"]
    assert (outcome["outcome"], outcome["reason"]) == ("skipped", "warm")
    assert run(["ask", "support", "--function", "keep-warm", "--no-wait"]) == 0
    assert "log" in capsys.readouterr().out
    assert run(["ask", "suport", "--function", "keep-warm"]) == 2
    assert run(["ask", "suport"]) == 2
    assert run(["ask", "support", "--function", "a", "--stack", "b"]) == 2
    assert "give only one" in capsys.readouterr().err


def test_the_command_fails_where_a_prefix_stays_cold(
    world: World, invoker: Invoker, capsys: Any
) -> None:
    """With the reason."""
    world.sim.inject(status=529, count=1)
    assert run(["ask", "support", "--function", "keep-warm"]) == 1
    assert "529" in capsys.readouterr().out
