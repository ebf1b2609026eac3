"""The examples of places where no layer is, and of the Lambda Web Adapter, with the real parts.

The adapter's binary is in no package index: the emulator runs a stand-in for it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.signature import refusal
from prefixwarm.simulator import Latency, running
from tests.helpers.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

EXAMPLES = Path(__file__).parents[2] / "examples"
WARM = {"outcome": "written", "reason": "", "warm_until": 2e9, "cost_usd": 0.01}
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}


class KeepWarm:
    """A keep-warm function that answers every signed ask, and notes it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refusals: list[str] = []
        keep_warm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                url, headers = f"{keep_warm.url}{self.path}", dict(self.headers)
                if problem := refusal("lambda", url, headers, body, AWS["AWS_SECRET_ACCESS_KEY"]):
                    keep_warm.refusals.append(problem)
                event = json.loads(body)
                keep_warm.events.append(event)
                answer = {"outcomes": [{"name": name, **WARM} for name in event["warm"]]}
                if "missing" in event["warm"]:
                    error = {"type": "UsageError", "message": "there is no prefix 'missing'"}
                    answer = {"outcomes": [], "error": error}
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """The endpoint of Lambda."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """What a process needs to ask it."""
        own = {"AWS_ENDPOINT_URL_LAMBDA": self.url, "PREFIXWARM_ASK": "keepwarm"}
        return {"PATH": os.environ["PATH"], **AWS, **own}

    def close(self) -> None:
        """End it; whatever asked had signed as AWS wants it."""
        self._server.shutdown()
        self._server.server_close()
        assert self.refusals == []


@pytest.fixture
def keep_warm() -> Iterator[KeepWarm]:
    """One of the test's own."""
    running_one = KeepWarm()
    yield running_one
    running_one.close()


@pytest.fixture
def provider() -> Iterator[Simulator]:
    """The provider."""
    with running("real", latency=Latency(base=0.02, prefill_rate=1e6)) as simulator:
        yield simulator


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(command: list[str], folder: Path, env: dict[str, str], url: str) -> Iterator[None]:
    """A server of an example, once it answers."""
    running_one = subprocess.Popen(command, cwd=folder, env=env)
    try:
        until(lambda: _answers(url) or running_one.poll() is not None, url)
        assert running_one.poll() is None
        yield
    finally:
        running_one.send_signal(signal.SIGTERM)
        running_one.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def posted(url: str, body: object) -> str:
    """The answer to a JSON request."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return str(reply.read().decode())


def test_a_session_on_agentcore_asks_once(keep_warm: KeepWarm, provider: Simulator) -> None:
    """At its first call, and not when the module is imported."""
    port = free_port()
    env = {
        **keep_warm.environment(),
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_API_KEY": "key",
    }
    code = f"import agent; agent.app.run(port={port}, host='127.0.0.1')"
    url = f"http://127.0.0.1:{port}"
    with process([sys.executable, "-c", code], EXAMPLES / "agentcore", env, f"{url}/ping"):
        assert keep_warm.events == []
        answers = [
            json.loads(posted(f"{url}/invocations", {"prompt": prompt}))
            for prompt in ("Which chain?", "Which saddle?")
        ]
    assert keep_warm.events == [{"warm": ["support"], "wait": True, "needed_for_seconds": 60.0}]
    assert answers[1]["cache_read"] > 1000


def test_agentcore_answers_where_nobody_can_be_asked(provider: Simulator) -> None:
    """Whatever fails in asking, the agent answers."""
    port = free_port()
    env = {
        **AWS,
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1",
        "AWS_MAX_ATTEMPTS": "1",
        "PREFIXWARM_ASK": "keepwarm",
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_API_KEY": "key",
    }
    code = f"import agent; agent.app.run(port={port}, host='127.0.0.1')"
    url = f"http://127.0.0.1:{port}"
    with process([sys.executable, "-c", code], EXAMPLES / "agentcore", env, f"{url}/ping"):
        assert "text" in json.loads(posted(f"{url}/invocations", {"prompt": "Which chain?"}))


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the AWS SDK beside it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("typescript") / "app"
    shutil.copytree(EXAMPLES / "typescript", folder)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund"], cwd=folder, capture_output=True
    )
    if done.returncode:
        pytest.skip("npm cannot install the AWS SDK for JavaScript here")
    return folder


def _node(folder: Path, keep_warm: KeepWarm, code: str) -> subprocess.CompletedProcess[str]:
    command = ["node", "--input-type=module", "-e", f"import {{ warm }} from './warm.mjs';\n{code}"]
    return subprocess.run(
        command, cwd=folder, env=keep_warm.environment(), capture_output=True, text=True
    )


def test_a_javascript_app_asks(typescript: Path, keep_warm: KeepWarm) -> None:
    """By the AWS SDK for JavaScript."""
    code = "console.log(JSON.stringify(await warm('support', 'sales')));"
    done = _node(typescript, keep_warm, code)
    assert [outcome["name"] for outcome in json.loads(done.stdout)] == ["support", "sales"]
    assert keep_warm.events == [{"warm": ["support", "sales"], "needed_for_seconds": 300}]


def test_a_javascript_app_hears_of_an_error(typescript: Path, keep_warm: KeepWarm) -> None:
    """In the function's own words."""
    code = "await warm('missing').catch((error) => console.log(error.message));"
    assert _node(typescript, keep_warm, code).stdout == "there is no prefix 'missing'\n"


def test_the_page_shows_the_example() -> None:
    """Word for word."""
    docs = EXAMPLES.parent / "docs"
    assert (EXAMPLES / "typescript" / "warm.mjs").read_text() in (
        docs / "typescript.md"
    ).read_text()
    block = (docs / "agentcore.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert block.rstrip() in (EXAMPLES / "agentcore" / "agent.py").read_text()


def test_a_web_app_streams(provider: Simulator) -> None:
    """The second question reads what the first one wrote."""
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"PATH": path, "ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "key"}
    env["AWS_LWA_PORT"] = str(port)
    url = f"http://127.0.0.1:{port}"
    with process(["./run.sh"], EXAMPLES / "web_adapter", env, f"{url}/health"):
        texts = [posted(f"{url}/ask", {"message": text}) for text in ("Which chain?", "And why?")]
    assert all(texts)
    first, second = (request["usage"] for request in provider.requests())
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 1000
