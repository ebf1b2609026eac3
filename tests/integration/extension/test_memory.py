"""How much memory the largest prefixes take in the sandbox: little, whether sent or not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from extension_bench import changed_layer

from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.file_form import dumps
from tests.helpers.effort import chosen
from tests.helpers.prefixes import make_prefix
from tests.helpers.table_server import TableServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extension_bench import Bench

    from tests.conftest import Tried

COUNT, BYTES = 20, 6_000_000
MOST_KB = 64 * 1024
# As many files as are beyond that together; the extension compiles each of them for a second.
FILES = chosen(dev=12, ci=12, full=COUNT)
PLACE = "at_shutdown = "
# At the end of its work the process says what it took at most.
EPILOGUE = """
_leave = os._exit
def _told(status):
    with open("/proc/self/status") as file:
        (peak,) = [line.split()[1] for line in file if line.startswith("VmHWM")]
    print(peak, file=sys.stderr, flush=True)
    _leave(status)
os._exit = _told
"""


class Sink:
    """A provider that reads bodies piece by piece, and knows them by their digests."""

    def __init__(self) -> None:
        self.digests: list[str] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                left, digest = int(self.headers["content-length"]), hashlib.sha256()
                while left and (piece := self.rfile.read(min(left, 65536))):
                    digest.update(piece)
                    left -= len(piece)
                sink.digests.append(digest.hexdigest())
                usage = {"input_tokens": 3, "cache_creation_input_tokens": 1_000_000}
                reply = json.dumps({"id": "msg_1", "usage": usage}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[WarmCall]]]:
    """A folder of twenty compiled prefixes of six megabytes."""
    folder = tmp_path_factory.mktemp("large")
    text = b"x" * (BYTES - 200)
    body = b'{"max_tokens":0,"system":[{"text":"%s","cache_control":{"ttl":"1h"}}]}' % text
    call = WarmCall(
        name="p",
        route="anthropic",
        model="claude-sonnet-5-5",
        ttl=3600,
        headers={"anthropic-version": "2023-06-01"},
        fingerprint="sha256:" + "0" * 64,
        usd_per_mtok={},
        tokens=None,
        max_tokens_at=body.index(b"0"),
        ttl_at=[body.index(b"1h")],
        body=body,
    )
    calls = [call.replace(name=f"p{number:02}") for number in range(COUNT)]
    for warm_call in calls:
        (folder / f"{warm_call.name}.warm").write_bytes(warm_call.to_bytes())
    yield folder, calls
    for warm_call in calls:
        (folder / f"{warm_call.name}.warm").unlink()


@pytest.mark.parametrize("due", [0, 1, COUNT])
def test_large_prefixes_take_little_memory(
    bench: Bench, layer: Path, calls: tuple[Path, list[WarmCall]], due: int, tried: Tried
) -> None:
    """What is not sent is not read, and what is sent is never in memory as a whole."""
    folder, large = calls
    home = measured(bench, layer)
    with TableServer() as table, Sink() as sink:
        env = {
            **bench.plain().environment(),
            "PREFIXWARM_PREFIXES": str(folder),
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "ANTHROPIC_BASE_URL": sink.url,
        }
        for number, call in enumerate(large):
            key = call.key(bench.scope, env)
            until = 0 if number < due else 2**33
            item: dict[str, Any] = {"matched_at": {"N": "1"}, "warm_until": {"N": str(until)}}
            table.items[key] = {"pk": {"S": key}, **item}
        peak, lines = start(home, env)
    assert len(lines) == COUNT
    assert sum(line["outcome"] == "written" for line in lines) == due, lines
    bodies = [call.with_ttl(300).with_max_tokens(call.least_tokens) for call in large[:due]]
    expected = [hashlib.sha256(body).hexdigest() for body in bodies if isinstance(body, bytes)]
    assert sorted(sink.digests) == sorted(expected)
    tried(peak // 1024, f"MB resident at most, {due} of {COUNT} prefixes of 6 MB due")
    assert peak < MOST_KB


@pytest.mark.parametrize("due", [0, FILES])
def test_large_prefixes_that_are_not_compiled_take_little_memory(
    bench: Bench, layer: Path, tmp_path: Path, due: int, tried: Tried
) -> None:
    """As prefix files in the function's own code, which the extension compiles one by one."""
    folder, home = tmp_path / "files", measured(bench, layer)
    folder.mkdir()
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 16,
        "system": [
            {"type": "text", "text": "x" * (BYTES - 2000), "cache_control": {"type": "ephemeral"}}
        ],
        "messages": [{"role": "user", "content": "hello"}],
    }
    whole = make_prefix("p00", request)
    call, text = compile_prefix(whole), dumps(whole)
    expected = [hashlib.sha256(sent_body(call)).hexdigest()] * due
    assert FILES * BYTES > 1024 * MOST_KB
    with TableServer() as table, Sink() as sink:
        env = {
            **bench.plain().environment(),
            "PREFIXWARM_PREFIXES": str(folder),
            # A write of a million tokens costs more than the usual share.
            "PREFIXWARM_INIT_USD_PER_WEEK": "1000",
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "ANTHROPIC_BASE_URL": sink.url,
        }
        for number in range(FILES):
            name = f"p{number:02}"
            named = text.replace('"name": "p00"', f'"name": "{name}"', 1)
            (folder / f"{name}.prefix.json").write_text(named)
            key = call.replace(name=name).key(bench.scope, env)
            until = 0 if number < due else 2**33
            item: dict[str, Any] = {"matched_at": {"N": "1"}, "warm_until": {"N": str(until)}}
            table.items[key] = {"pk": {"S": key}, **item}
        peak, lines = start(home, env)
    assert sum(line["outcome"] == "written" for line in lines) == due, lines
    assert sink.digests == expected
    tried(peak // 1024, f"MB resident at most, {due} of {FILES} files of 6 MB due, not compiled")
    assert peak < MOST_KB


def sent_body(call: WarmCall) -> bytes:
    """What a start sends of it."""
    body = call.with_ttl(300).with_max_tokens(call.least_tokens)
    assert isinstance(body, bytes)
    return body


def measured(bench: Bench, layer: Path) -> Path:
    """The layer, whose process says at its end what it took."""
    source = (layer / "prefixwarm" / "bootstrap.py").read_text()
    assert PLACE in source
    changes = {"prefixwarm/bootstrap.py": source.replace(PLACE, EPILOGUE + PLACE)}
    return changed_layer(layer, bench.folder, changes)


def start(home: Path, env: dict[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """One start; its peak in KiB, and what it logged."""
    program = [sys.executable, "-I", "-S", "-OO", str(home / "prefixwarm" / "bootstrap.py"), "9000"]
    done = subprocess.run(
        ["bash", "-c", 'exec "$@" 3>/dev/null', "-", *program],
        env={**env, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        text=True,
    )
    return int(done.stderr), [json.loads(line) for line in done.stdout.splitlines()]


def test_what_a_start_asks_of_the_table(bench: Bench, layer: Path) -> None:
    """One read where the entry is warm. A call's lease is taken, extended and given back."""
    folder = str(layer / "prefixwarm" / "prefixes")
    with TableServer() as table:
        changes = {"PREFIXWARM_PREFIXES": folder, "AWS_ENDPOINT_URL_DYNAMODB": table.url}
        home = measured(bench, layer)
        env = {**bench.plain().environment(), **changes}
        operations = []
        for outcome in ("written", "skipped"):
            table.operations.clear()
            _, (line,) = start(home, env)
            assert line["outcome"] == outcome
            operations.append(dict(table.operations))
    written = {"GetItem": 3, "TransactWriteItems": 2, "UpdateItem": 2}
    assert operations == [written, {"GetItem": 1}]
