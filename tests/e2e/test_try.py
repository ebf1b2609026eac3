"""`prefixwarm try` as a user runs it: from the folder of an app of one's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefixwarm.prefix import prefix_file
from tests.helpers.derived import derive
from tests.helpers.waiting import until

pytestmark = pytest.mark.e2e

OWN_APP = Path(__file__).parent / "own_app"
PAGE = Path(__file__).parents[2] / "docs" / "try.md"
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 16,
    "system": [
        {
            "type": "text",
            "text": "You are the support agent of a bicycle shop. " * 400,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
    ],
}
USD = {"input": 2.0, "read": 0.1, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0}
PRICES = {"as_of": "2026-11-21", "source": "test", "usd_per_mtok": USD}
WITHOUT_PREFIXWARM = """
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

app = App()
stack = Stack(app, "Shop")
code = lambda_.Code.from_inline("def handler(event, context): return 1")
runtime = lambda_.Runtime.PYTHON_3_13
lambda_.Function(stack, "Agent", code=code, handler="index.handler", runtime=runtime)
app.synth()
"""


@pytest.fixture
def own_app(tmp_path: Path) -> Path:
    """The app in a folder of its own, with the prefix file that its user has captured."""
    folder = tmp_path / "shop"
    shutil.copytree(OWN_APP, folder)
    (folder / "agent" / "request.json").write_text(json.dumps(REQUEST))
    question = [{"role": "user", "content": "Hello?"}]
    derived = derive({**REQUEST, "messages": question})
    headers = {"anthropic-version": "2023-06-01"}
    built = prefix_file.build("shop", derived, headers=headers, prices=PRICES)
    prefix_file.write(built, folder / "prefixes")
    return folder


def tried(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command says and returns."""
    with started(folder, *arguments) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def started(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The command, as its user types it, with an account of their own that must not be used."""
    account = {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAPRODUCTION",
        "AWS_SECRET_ACCESS_KEY": "production",
        "AWS_REGION": "eu-west-1",
    }
    # `python3` of cdk.json is the one of the user's virtual environment.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.Popen(
        [sys.executable, "-m", "prefixwarm", "try", *arguments],
        cwd=folder,
        env={**os.environ, **account, "PATH": path, "VIRTUAL_ENV": sys.prefix, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs this in the background may ignore interrupts for it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def command_of_the_page() -> str:
    """What docs/try.md tells its reader to type."""
    (command,) = re.findall(r"^\$ (prefixwarm try.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return str(command)


def digests(folder: Path) -> dict[str, str]:
    """Every file below, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_own_app_is_taken_through_its_life(own_app: Path) -> None:
    """With a secret read at import, layers, buckets and tables, several stacks and context."""
    before, page = digests(own_app), own_app.parent / "page.html"
    _, _, *options = shlex.split(command_of_the_page())
    process = tried(own_app, *options, "--json", "--html", str(page))
    assert process.returncode == 0, process.stderr
    assert digests(own_app) == before
    assert "Cold starts of shop, without and with prefixwarm" in page.read_text("utf-8")
    document = json.loads(process.stdout)
    assert (document["app"], document["left"]) == ("shop", [])
    by_name = {line["name"]: line for line in document["scenarios"]}
    assert list(by_name) == ["cold", "layer", "again", "redeployed", "later"]
    written = by_name["cold"]["first_request"]["cache_write_tokens"]
    assert written > 4000
    for name in ("layer", "again", "redeployed", "later"):
        first = by_name[name]["first_request"]
        assert (first["cache_read_tokens"], first["cache_write_tokens"]) == (written, 0), name
    assert [line["warm_calls"] for line in by_name.values()][:4] == [0, 1, 0, 0]
    (later,) = by_name["later"]["rounds"]
    ticks = [call for call in later["calls"] if call["by"] == "keepwarm"]
    assert ticks
    assert min(call["began_ms"] for call in ticks) < -3_600_000
    versions = {
        p["version"] for line in by_name.values() for r in line["rounds"] for p in r["prefixes"]
    }
    assert len(versions) == 1


def test_app_without_prefixwarm_is_told_what_to_add(tmp_path: Path) -> None:
    """In one line, before anything is deployed."""
    (tmp_path / "app.py").write_text(WITHOUT_PREFIXWARM)
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "python3 app.py"}))
    process = tried(tmp_path)
    assert process.returncode == 2
    last = process.stderr.splitlines()[-1]
    assert last.startswith("prefixwarm: no function of this app uses prefixwarm: add ")
    assert last.endswith("functions: Shop/Agent")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py", "cdk.json"]


def runs(process: str) -> bool:
    """Whether a process is there; one that nobody has waited for yet is not."""
    try:
        return "(zombie)" not in Path("/proc", process, "status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """No process of the app, and no file beside it."""
    folders = {name: tmp_path / name for name in ("app", "temporary")}
    for folder in folders.values():
        folder.mkdir()
    noted = folders["app"] / "pid"
    sleeps = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    command = shlex.join([sys.executable, "-c", sleeps])
    with started(folders["app"], "--app", command, TMPDIR=str(folders["temporary"])) as process:
        until(lambda: noted.exists() and noted.read_text())
        process.send_signal(number)
        _, err = process.communicate()
    assert process.returncode == code, err
    until(lambda: not runs(noted.read_text()))
    assert list(folders["temporary"].iterdir()) == []
