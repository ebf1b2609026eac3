"""The function in the provider's place, asked by the anthropic SDK behind a function URL."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.verify.cloud.stub_provider.stub_messages_api import handler

if TYPE_CHECKING:
    from collections.abc import Iterator


class FunctionUrl(BaseHTTPRequestHandler):
    """Turns requests into the events of a function URL."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        event = {"rawPath": self.path.partition("?")[0], "body": body, "isBase64Encoded": False}
        reply = handler(event, None)
        data = reply["body"].encode()
        self.send_response(reply["statusCode"])
        for name, text in {**reply["headers"], "content-length": str(len(data))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def client() -> Iterator[anthropic.Anthropic]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FunctionUrl)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    with anthropic.Anthropic(api_key="any", base_url=url, max_retries=0) as client:
        yield client
    server.shutdown()
    server.server_close()


QUESTION: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "messages": [{"role": "user", "content": "Hello"}],
}


def test_whole_and_streamed(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(**QUESTION, max_tokens=50)
    with client.messages.stream(**QUESTION, max_tokens=50) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    assert (whole.stop_reason, streamed.stop_reason) == ("end_turn", "end_turn")
    assert text == "This is no model."
    assert whole.usage.cache_read_input_tokens == streamed.usage.cache_read_input_tokens > 0


def test_a_warm_call(client: anthropic.Anthropic) -> None:
    reply = client.messages.create(**QUESTION, max_tokens=0)
    assert (reply.content, reply.usage.output_tokens) == ([], 0)


def test_nothing_else_is_answered() -> None:
    reply = handler({"rawPath": "/"}, None)
    assert reply["statusCode"] == 404
    assert json.loads(reply["body"])["type"] == "error"
