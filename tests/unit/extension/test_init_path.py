"""What the init phase may load, and how many instructions it may take."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from prefixwarm_layer.layout import layer_entries, with_bytecode

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.prefix.compiled import WarmCall

# Beyond what a bare `python -I -S` has loaded. A new name here needs a reason: each costs every
# cold start of every agent.
ALLOWED = {
    *("__future__", "os", "stat", "posixpath", "genericpath", "_collections_abc", "_stat"),
    *("io", "abc", "_abc", "codecs", "encodings", "errno", "gc", "marshal", "time", "_signal"),
    *("binascii", "_socket", "_ssl", "_json", "_hashlib", "_struct", "_datetime"),
}
PACKAGES = {
    "wire": "accelerated aws credentials deadline http record request_body sigv4 sockets url",
    "provider": "client keys routes",
    "state": (
        "changes item model outcome schema table_access table_call update_expression "
        "warm_state warm_store"
    ),
    "prefix": "compiled",
    "warm": "acquire attempt connections error_classification lease_time log_line start_share",
}
EXTENSION = "context init_policy main prefixes ready_signal warming"
OURS = {
    *("prefixwarm", "prefixwarm.errors", "prefixwarm.life", "prefixwarm.safe_text"),
    "prefixwarm.settings",
    "prefixwarm_extension",
    *(f"prefixwarm.{package}" for package in PACKAGES),
    *(f"prefixwarm.{package}.{name}" for package in PACKAGES for name in PACKAGES[package].split()),
    *(f"prefixwarm_extension.{name}" for name in EXTENSION.split()),
}
INSTRUCTIONS = 200_000_000

LISTING = """
import atexit, os, sys
before = set(sys.modules)
leave = os._exit
def listed(status):
    print("loaded", *sorted(set(sys.modules) - before), flush=True)
    leave(status)
os._exit = listed
start = sys.argv.pop(1)
exec(compile(open(start).read(), start, "exec"), {"__name__": "__main__", "__file__": start})
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer's Python part with its bytecode, laid out."""
    home = tmp_path_factory.mktemp("opt")
    for name, data in with_bytecode(layer_entries()).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    return home / "prefixwarm" / "bootstrap.py"


@pytest.fixture
def environ(call: WarmCall, tmp_path: Path) -> dict[str, str]:
    """A cold start whose table cannot be reached: all that leads to the first byte sent."""
    (tmp_path / "support.warm").write_bytes(call.to_bytes())
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "PREFIXWARM_TABLE": "t",
        "PREFIXWARM_PREFIXES": str(tmp_path),
        "AWS_ENDPOINT_URL_DYNAMODB": "https://127.0.0.1:9",
    }


def run(*command: str | Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """With the launcher's descriptor."""
    program = ["bash", "-c", 'exec "$@" 3>/dev/null', "bash", *map(str, command)]
    return subprocess.run(program, env=environ, capture_output=True, text=True, check=True)


def test_the_init_phase_loads_nothing_but_this(start: Path, environ: dict[str, str]) -> None:
    """No http.client, no json, no re, no ssl, no SDK: neither now nor by accident later."""
    done = run(sys.executable, "-I", "-S", "-c", LISTING, start, "3000", environ=environ)
    line, listed = done.stdout.splitlines()
    assert "127.0.0.1:9: Connection refused" in json.loads(line)["reason"]
    loaded = set(listed.split()[1:])
    assert loaded - ALLOWED - OURS == set()


@pytest.mark.slow
def test_the_init_phase_keeps_its_budget_of_instructions(
    start: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """Counted by callgrind, which no busy machine disturbs."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed: instructions cannot be counted")
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={tmp_path}/callgrind"]
    done = run(*tool, sys.executable, "-I", "-S", "-OO", start, "3000", environ=environ)
    counted = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    assert counted is not None
    assert int(counted[1]) < INSTRUCTIONS
