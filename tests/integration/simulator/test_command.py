"""``prefixwarm simulator`` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest

from prefixwarm.cli import main
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.simulator.conftest import Json, MakeJson


RUN = [sys.executable, "-c", "import sys; from prefixwarm.cli import main; sys.exit(main())"]


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], Json]]:
    """Start it and read its line."""
    command = [*RUN, "simulator", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield server, json.loads(server.stdout.readline())
        finally:
            server.kill()


def test_it_says_where_it_serves_and_stops_when_told() -> None:
    with process("--clock", "manual") as (server, line):
        assert line["clock"] == "manual"
        assert line["mantle_url"] == f"{line['url']}/anthropic"
        assert httpx2.get(f"{line['url']}/_sim/clock").json()["clock"] == "manual"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=PATIENCE) == 0
        assert server.stderr is not None
        assert server.stderr.read() == b""


def test_the_model_behind_a_profile(body: MakeJson) -> None:
    """Without it nothing would be refused that some model takes."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234"
    path = f"/model/{quote(arn, safe='')}/converse"
    headers = {"authorization": "Bearer t"}
    messages = [{"role": "user", "content": [{"text": "x"}]}]
    request = {"messages": messages, "inferenceConfig": {"maxTokens": 9, "topP": 0.5}}
    statuses = []
    for options in ((), (f"--profile={arn}=claude-sonnet-5-5",)):
        with process("--clock=manual", *options) as (_, line):
            reply = httpx2.post(line["url"] + path, json=request, headers=headers)
            statuses.append(reply.status_code)
    assert statuses == [200, 400]


def test_every_option_reaches_the_provider(body: MakeJson) -> None:
    options = ["--clock=manual", "--base=2", "--rpm=1", "--itpm=90000", "--seed=3"]
    options += ["--key=k=org/wrkspc_1", "--aws-key=AKIA:secret=acct", "--switch=iterations"]
    options += ["--switch=scope=organization", "--switch=linger=5"]
    with process(*options) as (_, line), httpx2.Client(base_url=line["url"]) as client:
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        reply = client.post("/v1/messages", json=body(), headers=headers)
        assert reply.status_code == 200
        assert reply.headers["anthropic-workspace-id"] == "wrkspc_1"
        assert "iterations" in reply.json()["usage"]
        assert client.post("/v1/messages", json=body(), headers=headers).status_code == 429
        wrong = {**headers, "x-api-key": "other"}
        assert client.post("/v1/messages", json=body(), headers=wrong).status_code == 401
        switches = client.get("/_sim/switches").json()["switches"]
        assert (switches["scope"], switches["linger"]) == ("organization", 5)
        [first, *_] = client.get("/_sim/requests").json()["requests"]
        assert first["ttft_ms"] > 2000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--clock", "sand"], "real"),
        (["--switch", "refuse=true"], "use one of refuse_zero"),
        (["--switch", "refuse_zero=maybe"], "neither true nor false"),
        (["--switch", "scope=planet"], "workspace, organization"),
        (["--key", "k"], "KEY=ORGANIZATION/WORKSPACE"),
        (["--aws-key", "k"], "ID:SECRET"),
        (["--profile", "arn:aws:bedrock:x"], "ARN=MODEL"),
        (["--base", "-1"], "seconds from 0 on"),
        (["--prefill-rate", "0"], "above 0"),
        (["--rpm", "0"], "rpm"),
        (["--port", "70000"], "port"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["prefixwarm", "simulator", *options])
    with pytest.raises(SystemExit) as stopped:
        sys.exit(main())
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.err.count("\n") == 1


def test_a_port_that_is_taken_is_one_line_and_exit_1() -> None:
    with process() as (_, line):
        port = line["url"].rpartition(":")[2]
        done = subprocess.run(
            [*RUN, "simulator", "--port", port], capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_switches_of_a_verified_provider(tmp_path: Path) -> None:
    """Of the file that scripts/verify-provider writes; an option goes before."""
    file = tmp_path / "provider.json"
    file.write_text(json.dumps({"switches": {"settle": 4.0, "key_geo": False}}))
    with process(f"--switches={file}", "--switch=settle=1") as (_, line):
        switches = httpx2.get(f"{line['url']}/_sim/switches").json()["switches"]
    assert (switches["settle"], switches["key_geo"], switches["key_beta"]) == (1, False, True)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"switches": {"sand": true}}'])
def test_a_file_without_switches_is_refused(text: str, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "provider.json"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["simulator", f"--switches={file}"])
    assert ended.value.code == 2
    assert "switch" in capsys.readouterr().err
