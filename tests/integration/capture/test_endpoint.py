"""The recording endpoint passes everything through as it comes, and keeps no secret."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anthropic
import pytest

from prefixwarm.capture.recording import record
from prefixwarm.wire.sigv4 import AwsCredentials
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
SYSTEM = "You are a helper."
KEY = "sk-ant-api03-secretsecret"


@contextmanager
def provider(answer: Callable[[Any], None]) -> Iterator[str]:
    """A provider on loopback that answers as told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
            answer(self)

        do_GET = do_HEAD = do_POST  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: Any, status: int, document: Any, **headers: str) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def client(recording: Any, **options: Any) -> anthropic.Anthropic:
    url = recording.environ["ANTHROPIC_BASE_URL"]
    return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, **options)


def ask(recording: Any) -> Any:
    turn: Any = {"role": "user", "content": "hi"}
    with client(recording) as agent:
        return agent.messages.create(
            model="claude-sonnet-5-5", max_tokens=9, system=SYSTEM, messages=[turn]
        )


def test_forwards_to_where_the_agent_would_have_gone() -> None:
    """Body and credentials arrive as they were sent; the answer comes back as it is."""
    seen: dict[str, Any] = {}

    def answer(handler: Any) -> None:
        seen.update(path=handler.path, body=handler.sent, key=handler.headers["Authorization"])
        reply(handler, 200, MESSAGE, request_id="req_1", Content_Type="application/json")

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": f"{url}/gateway"}) as recording,
    ):
        message = ask(recording)
        assert (message.content[0].text, message._request_id) == ("hi", "req_1")
        assert (seen["path"], seen["key"]) == ("/gateway/v1/messages", f"Bearer {KEY}")
        kept = recording.requests
    assert [json.loads(seen["body"])] == [request.body for request in kept]
    assert KEY not in repr(kept)


def test_streams_unbuffered() -> None:
    """The first event reaches the agent before the provider has sent the second."""
    arrived = Event()

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for event in (b"event: ping\ndata: {}\n\n", b"event: done\ndata: {}\n\n"):
            handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            handler.wfile.flush()
            if b"ping" in event:
                assert arrived.wait(30)
        handler.wfile.write(b"0\r\n\r\n")

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        connection, base = connect(recording)
        connection.request("POST", f"{base}/v1/messages", b'{"messages": []}')
        response = connection.getresponse()
        assert response.read1().startswith(b"event: ping")
        arrived.set()
        assert response.read().startswith(b"event: done")
        connection.close()


@pytest.mark.parametrize("status", [400, 429, 529])
def test_errors_pass_through(status: int) -> None:
    """The agent sees the provider's own error, and the request does not count as answered."""

    def answer(handler: Any) -> None:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}
        reply(handler, status, error, retry_after="7")

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        with pytest.raises(anthropic.APIStatusError) as caught:
            ask(recording)
        assert caught.value.status_code == status
        assert caught.value.response.headers["retry-after"] == "7"
        assert [r.answered for r in recording.requests] == [False]


def test_a_provider_that_is_away() -> None:
    """The agent is told so by the endpoint, as a provider's error."""
    away = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    with record(forward=True, environ=away) as recording:
        with pytest.raises(anthropic.InternalServerError, match="cannot reach the provider"):
            ask(recording)
        assert [r.answered for r in recording.requests] == [False]


def test_other_calls_pass_through_unrecorded() -> None:
    """Counting tokens and listing models are no requests for a message."""

    def answer(handler: Any) -> None:
        reply(handler, 200, {"input_tokens": 3} if handler.sent else {"data": []})

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        turn: Any = {"role": "user", "content": "hi"}
        with client(recording) as agent:
            counted = agent.messages.count_tokens(model="m", messages=[turn])
            assert counted.input_tokens == 3
            agent.models.list()
        assert recording.requests == []


def test_signs_afresh_for_aws() -> None:
    """The agent signed for the endpoint; what goes on is signed for AWS, by the same account."""
    seen: dict[str, Any] = {}

    def answer(handler: Any) -> None:
        seen.update(handler.headers.items())
        reply(handler, 200, MESSAGE)

    environ = {"AWS_REGION": "us-west-2"}
    keys = AwsCredentials(access_key="AKIDREAL", secret_key="s", token="t")
    with (
        provider(answer) as url,
        record(
            forward=True,
            environ={**environ, "ANTHROPIC_BEDROCK_BASE_URL": url},
            credentials=lambda _deadline: keys,
        ) as recording,
    ):
        agent = anthropic.AnthropicBedrock(
            base_url=recording.environ["ANTHROPIC_BEDROCK_BASE_URL"],
            aws_access_key="AKIDAGENT",
            aws_secret_key="x",
            aws_region="eu-west-1",
            max_retries=0,
        )
        turn: Any = {"role": "user", "content": "hi"}
        with agent:
            agent.messages.create(model="eu.anthropic.claude-x", max_tokens=9, messages=[turn])
        assert [r.model for r in recording.requests] == ["eu.anthropic.claude-x"]
    scope = "/eu-west-1/bedrock/aws4_request"
    assert "Credential=AKIDREAL/" in seen["Authorization"]
    assert scope in seen["Authorization"]
    assert seen["X-Amz-Security-Token"] == "t"


def test_a_region_that_is_not_known_is_asked_for() -> None:
    """No region is guessed: the prompt might not be allowed there."""
    with record(forward=True, environ={}) as recording:
        connection, base = connect(recording, "ANTHROPIC_BEDROCK_BASE_URL")
        connection.request("POST", f"{base}/model/m/invoke", b"{}", {"Authorization": "Bearer k"})
        response = connection.getresponse()
        assert (response.status, b"AWS_REGION is not set" in response.read()) == (502, True)
        connection.close()


def test_answers_without_a_body() -> None:
    """A HEAD and a 204 end where their heads do: the next request uses the same connection."""

    def answer(handler: Any) -> None:
        handler.send_response(200 if handler.command == "HEAD" else 204)
        handler.end_headers()

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        connection, base = connect(recording)
        for method, status in (("HEAD", 200), ("GET", 204), ("HEAD", 200)):
            connection.request(method, f"{base}/")
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
        connection.close()


def connect(
    recording: Any, variable: str = "ANTHROPIC_BASE_URL"
) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the endpoint, and the path that its requests begin with."""
    url = urlsplit(recording.environ[variable])
    return http.client.HTTPConnection(str(url.hostname), url.port, timeout=PATIENCE), url.path


def test_a_body_of_unknown_length() -> None:
    """In pieces, with a trailer, and the connection goes on; the provider receives it whole."""
    body = json.dumps(
        {
            "model": "claude-sonnet-5-5",
            "max_tokens": 5,
            "system": SYSTEM,
            "messages": [{"role": "user", "content": "hi"}],
        }
    ).encode()
    head = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "Transfer-Encoding": "chunked"}
    with record() as recording:
        agent, base = connect(recording)
        for _ in "ab":
            agent.request(
                "POST",
                f"{base}/v1/messages",
                iter([body[:20], body[20:]]),
                head,
                encode_chunked=True,
            )
            response = agent.getresponse()
            assert (response.status, bool(response.read())) == (200, True)
        agent.close()
        assert [request.body for request in recording.requests] == [json.loads(body)] * 2


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "many"}, b""),
        ({"Content-Length": "-5"}, b""),
        ({"Transfer-Encoding": "chunked"}, b"ZZ\r\nhi\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"-2\r\nhi\r\n"),
        ({"Content-Length": "100000"}, b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_refused(headers: dict[str, str], body: bytes) -> None:
    """With an answer, and nothing is recorded."""
    with record() as recording:
        agent, base = connect(recording)
        agent.putrequest("POST", f"{base}/v1/messages")
        for name, value in {"x-api-key": KEY, "anthropic-version": "2023-06-01", **headers}.items():
            agent.putheader(name, value)
        agent.endheaders(body)
        assert agent.getresponse().status == 400
        agent.close()
        assert recording.requests == []


def test_only_who_holds_the_token_is_answered() -> None:
    """Whatever else on this machine finds the port: nothing is forwarded, signed or recorded."""
    arrived: list[str] = []

    def answer(handler: Any) -> None:
        arrived.append(handler.path)
        reply(handler, 200, MESSAGE)

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        _, base = connect(recording)
        wrong = ("/v1/messages", f"{base}x/v1/messages", f"/x{base}/v1/messages", "/", base[:-1])
        for target in (*wrong, base[1:], f"{url}{base}/v1/messages"):
            assert exchanged(recording, target) == 404
        assert (arrived, recording.requests) == ([], [])
        assert exchanged(recording, f"{base}/v1/messages") == 200
        assert arrived == ["/v1/messages"]


@pytest.mark.parametrize(
    "target", [":1/v1/messages", ".other.invalid/v1/messages", "@other.invalid/", "//h/x", "\\h/x"]
)
def test_the_target_cannot_choose_the_host(target: str) -> None:
    """What stands behind the base URL without a slash is behind its path, not its host."""
    arrived: list[str] = []

    def answer(handler: Any) -> None:
        arrived.append(handler.path)
        reply(handler, 200, MESSAGE)

    with (
        provider(answer) as url,
        record(forward=True, environ={"ANTHROPIC_BASE_URL": url}) as recording,
    ):
        _, base = connect(recording)
        assert exchanged(recording, base + target) == (200 if target == "//h/x" else 404)
        assert exchanged(recording, f"{base}/{target}") == 200
        assert all(path.startswith("/") for path in arrived)


@pytest.mark.parametrize("region", ["other.invalid", "x@other.invalid", "a:1", "..", "é"])
def test_a_signature_cannot_choose_the_host(region: str) -> None:
    """The region that a request was signed for is a part of the provider's host name."""
    keys = AwsCredentials(access_key="AKIDREAL", secret_key="s", token=None)
    with record(forward=True, environ={}, credentials=lambda _deadline: keys) as recording:
        scope = f"AWS4-HMAC-SHA256 Credential=A/20260101/{region}/bedrock/aws4_request, Signature=x"
        connection, base = connect(recording, "ANTHROPIC_BEDROCK_BASE_URL")
        headers = {"Authorization": scope.encode()}
        connection.request("POST", f"{base}/model/m/invoke", b"{}", headers)
        response = connection.getresponse()
        assert (response.status, b"is not an AWS region" in response.read()) == (502, True)
        connection.close()


def exchanged(recording: Any, target: str) -> int:
    """Send one request with this target, byte for byte; the status of the answer."""
    connection, _ = connect(recording)
    connection._validate_path = lambda url: None  # type: ignore[attr-defined]
    connection.request("POST", target, b'{"messages": []}', {"x-api-key": KEY})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status
