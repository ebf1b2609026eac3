"""The model behind an application inference profile."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.inference_profiles import base_models
from prefixwarm.lint.file_rules import check
from prefixwarm.prefix.prefix_file import dumps, loads
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abcd1234"
MODEL = "anthropic.claude-sonnet-5-5"
FOUNDATION = f"arn:aws:bedrock:eu-west-1::foundation-model/{MODEL}"
BODY = {
    "modelId": ARN,
    "system": [{"text": "You are a helper. " * 500}, {"cachePoint": {"type": "default"}}],
    "messages": [{"role": "user", "content": [{"text": "hello"}]}],
}


class _Bedrock(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        profile = {"models": [{"modelArn": FOUNDATION}], "inferenceProfileArn": ARN}
        body = json.dumps(profile if self.status == 200 else {"message": "no"}).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture(params=[200, 403])
def status(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An account that allows the question, or not."""
    handler = type("Handler", (_Bedrock,), {"status": request.param})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        yield request.param
        server.shutdown()
        thread.join()


def test_the_account_is_asked(status: int) -> None:
    """Where it does not answer, nothing is known."""
    models = base_models(
        [ARN, MODEL], chosen=None, files=[], environ={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}
    )
    assert models == ({ARN: MODEL} if status == 200 else {})


def test_said_once() -> None:
    """Price, minimum and model are in the file, and the next capture takes it from there."""
    prefix = make_prefix("x", BODY, route="bedrock-converse", base_model=MODEL)
    again = loads(dumps(prefix))
    assert (again.base_model, again.tokens["minimum"]) == (MODEL, 512)
    assert again.usd_per_mtok["read"]
    assert base_models([ARN], chosen=None, files=[again], environ={}) == {ARN: MODEL}
    assert base_models([ARN], chosen="other", files=[again], environ={}) == {ARN: "other"}


def test_what_to_do_is_said() -> None:
    """Where the model is not known."""
    prefix = make_prefix("x", BODY, route="bedrock-converse")
    (line,) = [one for one in check(prefix) if one.rule.id == "unknown-model"]
    assert "--model" in line.message
