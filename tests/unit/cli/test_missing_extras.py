"""A dependency that is not installed is one line that names its extra, wherever it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefixwarm.cli.command_group import COMMANDS
from prefixwarm.extras import EXTRAS, install

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[3]
# A process for each dependency, which runs everything.
pytestmark = pytest.mark.slow

RUN = """
import contextlib, io, json, sys, traceback
blocked, calls, packages = json.loads(sys.argv[1])
sys.modules[blocked] = None
from prefixwarm.cli import main
said = {}
for call in calls:
    out = io.StringIO()
    with contextlib.redirect_stderr(out), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(call)
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = traceback.format_exc()
    said[" ".join(call)] = [code, out.getvalue()]
for package, name in packages:
    try:
        module = __import__(package, fromlist=[name])
        getattr(module, name)
        said[f"{package}.{name}"] = [0, ""]
    except Exception as error:
        said[f"{package}.{name}"] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""

PACKAGES = (
    "prefixwarm",
    "prefixwarm.observe",
    "prefixwarm.policy",
    "prefixwarm.prices",
    "prefixwarm.simulator",
    "prefixwarm.testing",
    "prefixwarm_cdk",
)


def calls(folder: Path, prefix: Path) -> list[list[str]]:
    """Each command, so far that it needs all that it imports; nothing can be reached."""
    file, zipped = str(prefix), str(folder / "layer.zip")
    return [
        ["init", "--yes", "--out", str(folder / "p"), "--", sys.executable, "-c", ""],
        ["capture", "--out", str(folder / "p"), "--", sys.executable, "-c", ""],
        ["build", "json:NAME"],
        ["check", file],
        ["diff", file, file],
        ["plan", file, "--rate", "2", "--hours", "8-9", "--weekdays", "mon"],
        ["warm", file, "--dry-run"],
        ["warm", file, "--state", str(folder / "state.json"), "--timeout", "1"],
        ["ask", "support", "--function", "keep-warm"],
        ["status", "--table", "states"],
        ["status", "--stack", "Shop"],
        ["explain", "support", "--table", "states"],
        ["simulator", "--port", "1", "--switch", "nope"],
        ["layer", "build", "--out", zipped, "--prefixes", file],
        ["layer", "publish", "--region", "eu-west-1"],
        ["layer", "package", "--prefixes", file, "--out", str(folder / "package")],
        ["attach", "agent", "--stack", "Shop"],
        ["detach", "agent"],
        ["doctor"],
        ["doctor", "--stack", "Shop"],
        ["demo", "--nope"],
        ["try", str(folder / "nowhere")],
    ]


def names() -> list[tuple[str, str]]:
    """Every public name of every public package; the constructs' package as a whole."""
    public = [(p, n) for p in PACKAGES[:-1] for n in __import__(p, fromlist=["x"]).__all__]
    return [*public, ("prefixwarm_cdk", "PrefixWarmer")]


def environment(folder: Path) -> dict[str, str]:
    """Nobody's account, and a port on which nothing answers."""
    own = {n: v for n, v in os.environ.items() if not n.startswith(("AWS", "ANTHROPIC", "PREFIX"))}
    return {
        **own,
        "HOME": str(folder),
        # The layer's bytecode need not be compiled once more for each dependency.
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "ANTHROPIC_API_KEY": "local",
    }


@pytest.mark.parametrize("blocked", [name for name in EXTRAS if name not in ("click", "jsii")])
def test_a_missing_dependency_is_one_line(blocked: str, tmp_path: Path, prefix_path: Path) -> None:
    """What does not need it goes on; what does names the extra, and nothing ends in a traceback."""
    made = json.dumps([blocked, calls(tmp_path, prefix_path), names()])
    command = [sys.executable, "-W", "ignore", "-c", RUN, made]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment(tmp_path)
    )
    report: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    for what, (code, text) in report.items():
        assert code in (0, 1, 2, None) or text == "" or blocked in text, (what, code, text)
        assert "Traceback" not in f"{code}{text}", (what, code, text)
        assert "No module named" not in text, (what, text)
        assert "halted" not in text, (what, text)
        if " needs " in text and f"'prefixwarm[{EXTRAS[blocked]}]'" in text:
            assert install("X", blocked).partition(" ")[2] in text


def test_every_command_is_tried(tmp_path: Path) -> None:
    """A new one gets its line above."""
    assert {call[0] for call in calls(tmp_path, tmp_path)} == set(COMMANDS)


def test_the_extras_are_those_of_the_package() -> None:
    """Each module is brought by the extra that is named for it."""
    brought = {
        "aws_cdk": "aws-cdk-lib",
        "aws_lambda_powertools": "aws-lambda-powertools",
        "botocore": "boto3",
        "genai_prices": "genai-prices",
        "jsii": "aws-cdk-lib",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: " ".join(wanted) for name, wanted in project["optional-dependencies"].items()}
    for module, extra in EXTRAS.items():
        assert brought.get(module, module) in extras[extra], module
