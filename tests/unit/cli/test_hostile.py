"""Hostile surroundings: files of any kind, output that nobody reads, a full disk, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.waiting import PATIENCE

COMMAND = [sys.executable, "-c", "from prefixwarm.cli import main; main()"]
TURN = {"role": "user", "content": "hello"}


def nested(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = [value]
    return {"messages": [{"role": "user", "content": [{"type": "x", "y": value}]}]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is not JSON"),
        (b'{"a": "\xe9"}', "is not JSON"),
        (b"[" * 100_000, "nested more than 200 deep"),
        (json.dumps(nested(300)).encode(), "nested more than 200 deep"),
        (b"null", "is not a JSON object"),
        (b"[]", "messages: is missing"),
        (b'{"messages": {}}', "messages: is missing"),
        (b'{"messages": [1]}', "messages[0].content: is not a list of objects"),
        (b'{"messages": [{"role": "user"}]}', "messages[0].content: is not a list of objects"),
        (b'{"messages": [{"content": [5]}]}', "messages[0].content: is not a list of objects"),
        (b'{"messages": [], "system": 7}', "system: is not a list of objects"),
        (b'{"messages": [], "tools": "all"}', "tools: is not a list of objects"),
        (b'{"messages": [], "tools": [null]}', "tools: is not a list of objects"),
        (b" " * 32_000_001, "is larger than the 32,000,000 bytes of a request"),
    ],
    ids=range(14),
)
def test_requests_of_any_kind(
    cli: Any, tmp_path: Path, prefix_path: Path, content: bytes, says: str
) -> None:
    """One line with the file and the place."""
    path = tmp_path / "request.json"
    path.write_bytes(content)
    for words in (("check", prefix_path, "--request", path), ("diff", path, path)):
        ran = cli(*words)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert ran.err.startswith(f"prefixwarm: {path}: ")
        assert says in ran.err


def test_names_that_are_no_text(cli: Any, tmp_path: Path, prefix_path: Path) -> None:
    """The file is named."""
    path = tmp_path / "names"
    path.write_bytes(b"Ann\n\xff\n")
    ran = cli("check", prefix_path, "--names", path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"prefixwarm: {path}: is not UTF-8: ")


def test_a_state_file_that_never_ends(cli: Any, prefix_path: Path) -> None:
    """A device is no state."""
    for words in (("status",), ("warm", prefix_path)):
        ran = cli(*words, "--state", "/dev/zero")
        assert (ran.code, ran.err) == (2, "prefixwarm: --state /dev/zero: is not a regular file\n")


def test_a_timeout_that_is_no_number(cli: Any, prefix_path: Path) -> None:
    """It would never be over."""
    ran = cli("warm", prefix_path, "--timeout", "nan")
    assert (ran.code, ran.err) == (2, "prefixwarm: --timeout nan: give seconds\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "My Agent"), "--name 'My Agent': use 1 to 64 of a-z, 0-9 and -"),
        (("--name", "x" * 65), "use 1 to 64 of a-z, 0-9 and -"),
        (("--out", "support.prefix.json/in"), "is not a writable folder"),
    ],
)
def test_capture_refuses_before_the_agent_runs(
    cli: Any, prefix_path: Path, monkeypatch: pytest.MonkeyPatch, words: Any, says: str
) -> None:
    """Its requests may cost money."""
    monkeypatch.chdir(prefix_path.parent)
    ran = cli("capture", *words, "--", "touch", "ran")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert not Path("ran").exists()


def run_into(output: Any, *words: object) -> tuple[int, str]:
    ran = subprocess.run(
        [*COMMAND, *map(str, words)],
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    return ran.returncode, ran.stderr.decode()


@pytest.mark.parametrize("words", [(), ("-h",), ("check", "PREFIX", "--sarif")])
def test_output_that_nobody_reads(prefix_path: Path, words: tuple[str, ...]) -> None:
    """A closed pipe ends the command without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        words = tuple(str(prefix_path) if word == "PREFIX" else word for word in words)
        assert run_into(pipe, *words) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk(prefix_path: Path) -> None:
    """One line, and failure."""
    with open("/dev/full", "wb") as full:
        code, says = run_into(full, "check", prefix_path, "--json")
    assert (code, says) == (1, "prefixwarm: No space left on device\n")


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Named, in one line; nothing half written stays."""
    (tmp_path / "mine.py").write_text(
        "from prefixwarm import Prefix; P = Prefix('mine', model='m', system='Help. ' * 900)"
    )
    name = "x" * 300
    ran = subprocess.run(
        [*COMMAND, "build", "mine:P", "--out", name],
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"prefixwarm: {name}: File name too long\n"


def _heed_interrupts() -> None:
    """What a shell starts in the background ignores them, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c(tmp_path: Path) -> None:
    """The agent and the command end; 130, as shells have it."""
    agent = "import time; print('started', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [*COMMAND, "capture", "--", sys.executable, "-c", agent],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"started\n"
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, out) == (130, b"")
    assert b"prefixwarm" not in err


def test_an_agent_that_was_interrupted_first(tmp_path: Path) -> None:
    """Its end is no finding about it."""
    agent = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    command = [*COMMAND, "capture", "--", sys.executable, "-c", agent]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE,
        preexec_fn=_heed_interrupts,
    )
    assert (ran.returncode, ran.stdout) == (130, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_characters_that_the_terminal_lacks(
    tmp_path: Path, encoding: str, options: tuple[str, ...]
) -> None:
    """And halves of characters, which JSON allows: the output stays readable, and JSON."""
    for name, text in (("a", "Grüße — 日本 😀 \ud83d!"), ("b", "Grüße — 日本 😀 \ud83d?")):
        (tmp_path / name).write_text(json.dumps({"messages": [TURN], "system": text}))
    ran = subprocess.run(
        [*COMMAND, "diff", "a", "b", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
    if options:
        (difference,) = json.loads(ran.stdout)["differences"]
        assert "日本 😀" in difference["left"]
    else:
        assert b"system: system[0].text, character" in ran.stdout
