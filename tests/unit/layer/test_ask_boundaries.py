"""The asker without Python: whatever settings, states and answers hold, the function goes on."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.compiled import SUFFIX
from prefixwarm_layer import layout
from tests.helpers.garbage import TRIES, garbled_text
from tests.unit.test_boundaries import CALL, ITEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Tried

# Cases that one process of bash goes through, and one of Node.js.
BATCH = 100
# Settings, the table's reply and the keep-warm function's answer make one case.
AT_ONCE = 3
PATIENCE = 300
SETTINGS = {
    "PREFIXWARM_ASK": "keepwarm",
    "PREFIXWARM_TABLE": "states",
    "PREFIXWARM_INIT_HINT_MS": "600",
    "PREFIXWARM_LATENCY_VALUE": "0.01",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_LAMBDA_FUNCTION_NAME": "agent",
}
NAMES = (
    *SETTINGS,
    *("PREFIXWARM_DISABLED", "PREFIXWARM_INIT", "PREFIXWARM_FIRST", "PREFIXWARM_CACHE_SCOPE"),
    *("PREFIXWARM_DEPLOYMENT", "PREFIXWARM_INIT_HOLD_MS", "PREFIXWARM_INIT_USD_PER_WEEK"),
    *("PREFIXWARM_PREFIXES", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "LAMBDA_TASK_ROOT"),
    *("AWS_ENDPOINT_URL", "AWS_USE_FIPS_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("names", "keys", "cold", "reply", "status", "item", "head", "hint", "decisions"),
    *("usd", "now", "kind", "mode", "scope", "region", "url", "lines", "began_ms", "hold_ms"),
)
VALUES = (
    *("", " ", "0", "-1", "00", "08", "1e400", "1e-05", "nan", "9" * 400, "0x10", "1,5", "0.5"),
    *("$(touch MARK)", "`touch MARK`", "a[$(touch MARK)]", "x; touch MARK;", "'", '"', "\\", "*"),
    *(
        '"},{',
        "a\nb",
        "a\tb",
        "\x1b[2J",
        "é\u202e",
        "auto",
        "always",
        "off",
        "yes",
        "~",
        "../..",
        "$#",
    ),
    *("sk-ant-api-key-of-somebody", "https://x.example/", "x" * 4000, "{}", "[[", "-n", "-e"),
)
ANSWER = {
    "outcomes": [
        {
            "name": "support",
            "outcome": "written",
            "reason": 'a "b"',
            "warm_until": 1.0,
            "cost_usd": 0.1,
        }
    ]
}
STATES = {
    "Responses": {
        "states": [
            {**ITEM, "warm_until": {"N": "1"}, "write_ms": {"N": "900"}, "read_ms": {"N": "90"}}
        ]
    }
}
# The replies are this case's; nothing else of the asker is changed.
RUN = """
run() {{ # FILE: the case of this file
  (
    source "$1"
    source {home}/ask.sh
    by_curl() {{ answer_of "$2"; }}
    by_node() {{ answer_of "$2"; }}
    answer_of() {{
      [[ $1 == dynamodb ]] && status=$CASE_STATE_STATUS reply=$CASE_STATES && return
      status=$CASE_STATUS reply=$CASE_ANSWER
    }}
    main "$CASE_HOLD" "$CASE_KIND"
  ) 3>"$1.signal" >"$1.out" 2>"$1.err"
  echo $? >"$1.status"
}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The asker beside one compiled prefix."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "prefixes").mkdir()
    (folder / "prefixes" / f"support{SUFFIX}").write_bytes(CALL.to_bytes())
    for name in ("ask.sh", "ask.cjs"):
        shutil.copy(Path(layout.__file__).with_name(name), folder)
    return folder


def case_text(draw: Random, mark: Path) -> str:
    """One case: its settings, and what the table and the keep-warm function reply."""
    values = dict(SETTINGS)
    for name in draw.sample(NAMES, draw.randint(0, 4)):
        values[name] = draw.choice(VALUES).replace("MARK", str(mark))
    if values["AWS_LAMBDA_FUNCTION_NAME"].startswith("sk-"):
        # Lambda sets it: it is a name, and stands in the log.
        values["AWS_LAMBDA_FUNCTION_NAME"] = "sk"
    statuses = ("200", "200", "200", "403", "500", "", "abc", "999")
    values |= {
        "CASE_HOLD": draw.choice(("3000", "400")),
        "CASE_KIND": draw.choice(("on-demand", "provisioned-concurrency", "x", "")),
        "CASE_STATE_STATUS": draw.choice(statuses),
        "CASE_STATUS": draw.choice(statuses),
        "CASE_STATES": _body(STATES, draw),
        "CASE_ANSWER": _body(ANSWER, draw),
    }
    return "".join(f"export {name}={_quoted(text)}\n" for name, text in values.items())


def _body(document: Any, draw: Random) -> str:
    if draw.random() < 0.4:
        return json.dumps(document)
    return garbled_text(document, draw)[:20_000]


def _quoted(text: str) -> str:
    return shlex.quote(text.replace("\0", "").encode(errors="replace").decode())


@pytest.mark.slow
def test_settings_and_replies(home: Path, tmp_path: Path, tried: Tried) -> None:
    """Lines of JSON, `next`, and nothing else: nothing is evaluated, nothing printed as it came."""
    draw, mark, failed = Random("asker"), tmp_path / "mark", 0
    script = tmp_path / "run.sh"
    cases = TRIES // AT_ONCE
    for start in range(0, cases, BATCH):
        files = [tmp_path / f"case{number}" for number in range(min(BATCH, cases - start))]
        for file in files:
            file.write_text(case_text(draw, mark))
        runs = "".join(f"run {shlex.quote(str(file))}\n" for file in files)
        script.write_text(RUN.format(home=shlex.quote(str(home))) + runs)
        path = {"PATH": os.defpath}
        subprocess.run(["bash", "-p", script], env=path, check=True, timeout=PATIENCE)
        failed += sum(outcome_of(file) == "failed" for file in files)
        assert not mark.exists()
    what = f"settings and replies of ask.sh, {AT_ONCE} at once"
    tried(cases * AT_ONCE, f"inputs at the boundary: {what}; {failed} refused")
    assert 0 < failed < cases


def outcome_of(file: Path) -> str:
    """The first outcome that a case logged, after a check of all that it did."""
    parts = {
        end: file.with_name(f"{file.name}.{end}").read_bytes()
        for end in ("signal", "status", "err", "out")
    }
    shown = f"{file.read_text()}\n{parts}"
    assert parts["signal"] == b"next\n", shown
    assert parts["status"] == b"0\n", shown
    assert parts["err"] == b"", shown
    lines = parts["out"].decode().splitlines()
    assert lines, shown
    assert all(line.isprintable() for line in lines), shown
    documents = [json.loads(line) for line in lines]
    assert all(isinstance(document["outcome"], str) for document in documents), shown
    assert b"sk-ant-api-key" not in parts["out"], shown
    return str(documents[0]["outcome"])


class Garbler:
    """A server that replies garbage to every request."""

    def __init__(self) -> None:
        self._draw = Random("server")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        """Until it is closed."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(65536)
                    connection.sendall(self._reply())
                except OSError:
                    continue

    def _reply(self) -> bytes:
        body = garbled_text(ANSWER, self._draw).encode(errors="replace")
        head = self._draw.choice(
            (
                *(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), b"\r\n", b""),
                *(b"HTTP/1.1 999 ?\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"),
                *(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"\x00\xff\r\n"),
                *(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n",),
            )
        )
        return head + body

    def close(self) -> None:
        """Stop."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def garbler() -> Iterator[Garbler]:
    """A running one."""
    server = Garbler()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join()


def test_requests_by_node(home: Path, garbler: Garbler, tried: Tried) -> None:
    """A line and as many bytes as it says, whatever a request holds and whatever comes back."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    draw, refused = Random("node"), 0
    for start in range(0, TRIES, BATCH):
        env = {
            name: draw.choice(VALUES)
            for name in ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        count = min(BATCH, TRIES - start)
        with subprocess.Popen(
            [node, home / "ask.cjs"],
            env={name: text for name, text in env.items() if text},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for _ in range(count):
                process.stdin.write(request_line(draw, garbler.url))
                process.stdin.flush()
                answer = process.stdout.readline()
                assert answer.endswith(b"\n"), (env, process.communicate())
                refused += answer == b"none\n"
                if answer != b"none\n":
                    length = int(answer.split()[1])
                    body = process.stdout.read(length)
                    assert len(body) == length
                    assert b"\0" not in body
            process.stdin.close()
            assert process.stderr is not None
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == b""
    tried(TRIES, f"inputs at the boundary: requests and replies of ask.cjs; {refused} refused")
    assert 0 < refused < TRIES


def request_line(draw: Random, url: str) -> bytes:
    """A request as ask.sh writes it, of which a field may hold anything."""
    fields = ["2000", "lambda", "/", "", "{}", url, "eu-west-1"]
    if draw.random() < 0.5:
        # Not the time-out, which ask.sh computes, nor the address: nobody else's is to be called.
        at = draw.choice((1, 2, 3, 4, 6))
        fields[at] = draw.choice(VALUES)
    line = "\t".join(field.replace("\t", "").replace("\n", "") for field in fields)
    return line.encode(errors="replace") + b"\n"


def test_a_good_case_asks(home: Path, tmp_path: Path) -> None:
    """Else the above would go through refusals alone."""
    file, script = tmp_path / "case", tmp_path / "run.sh"
    replies = {"CASE_STATUS": "200", "CASE_STATE_STATUS": "200"}
    bodies = {"CASE_STATES": json.dumps(STATES), "CASE_ANSWER": json.dumps(ANSWER)}
    start = {"CASE_HOLD": "3000", "CASE_KIND": "on-demand"}
    values = {**SETTINGS, **replies, **bodies, **start}
    file.write_text("".join(f"export {name}={_quoted(text)}\n" for name, text in values.items()))
    script.write_text(RUN.format(home=shlex.quote(str(home))) + f"run {file}\n")
    subprocess.run(["bash", "-p", script], env={"PATH": os.defpath}, check=True, timeout=PATIENCE)
    assert outcome_of(file) == "written"
