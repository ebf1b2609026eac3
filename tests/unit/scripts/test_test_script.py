"""What scripts/test runs, and what it does with arguments: with tools that only say their names."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Each runs the script as a process, some of them several times.
pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[3] / "scripts" / "test"
# In the place of scripts/setup.sh, which installs.
SETUP = """
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
fail() { echo "$1" >&2; exit 1; }
check_machine() { :; }
install_pinned() { :; }
"""
PYTEST = """#!/bin/sh
echo pytest "$TEST_EFFORT" "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with one test."""
    tools = tmp_path / ".venv" / "bin"
    for folder in (tools, tmp_path / "scripts", tmp_path / "tests" / "unit"):
        folder.mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_one.py").touch()
    (tmp_path / "scripts" / "setup.sh").write_text(SETUP)
    shutil.copy(SCRIPT, tmp_path / "scripts" / "test")
    programs = {name: f"#!/bin/sh\necho {name}\n" for name in ("ruff", "mypy", "lint-imports")}
    programs |= {"prefixwarm": "#!/bin/sh\n"}
    programs |= {"pytest": PYTEST, "node": "#!/bin/sh\n", "npm": "#!/bin/sh\n"}
    programs |= {"chromium": "#!/bin/sh\n", "../../scripts/check-structure": "#!/bin/sh\n"}
    programs |= {"apt-get": f"#!/bin/sh\ntouch {tmp_path}/installed\n"}
    for name, text in programs.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return tmp_path


def run(checkout: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run it there; its exit code, and the arguments of pytest."""
    path = f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
    environ = {k: text for k, text in os.environ.items() if k != "TEST_EFFORT"} | {"PATH": path}
    done = subprocess.run(
        [checkout / "scripts" / "test", *arguments], env=environ, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    return done.returncode, [line.removeprefix("pytest ") for line in lines if "pytest" in line]


def test_each_profile_runs_its_own_tests(checkout: Path) -> None:
    """With its numbers; all but those of the frameworks, which have an environment of their own."""
    code, (quick,) = run(checkout, "--quick")
    assert (code, quick.split()[0]) == (0, "dev")
    assert quick.endswith("-m not slow tests/unit")
    for options, effort in ((), "ci"), (("--full",), "full"):
        code, (everything,) = run(checkout, *options)
        assert (code, everything.split()[0]) == (0, effort)
        folders = {path.name for path in (SCRIPT.parents[1] / "tests").iterdir() if path.is_dir()}
        tested = {word[6:] for word in everything.split() if word.startswith("tests/")}
        assert folders - tested <= {"frameworks", "helpers", "__pycache__"}


def test_a_browser_that_is_there_is_not_installed(checkout: Path) -> None:
    """One of its names is enough."""
    assert run(checkout)[0] == 0
    assert not (checkout / "installed").exists()


def test_a_layer_that_cannot_be_built_ends_it(checkout: Path) -> None:
    """Before the tests, which need it."""
    (checkout / ".venv" / "bin" / "prefixwarm").write_text("#!/bin/sh\nexit 3\n")
    assert run(checkout, "--quick") == (3, [])


def test_options_go_with_what_a_profile_runs(checkout: Path) -> None:
    """Behind its own, so that they win."""
    _, (quick,) = run(checkout, "--quick", "--durations=9", "-x")
    assert quick.endswith("-m not slow tests/unit --durations=9 -x")
    _, (everything,) = run(checkout, "-k", "some or docs")
    assert everything.endswith("tests/unit -k some or docs")


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("", "tests/unit"),
        ("--quick", "./tests/unit/test_one.py"),
        ("--full", "tests/unit/test_one.py::test_it[a::b]"),
    ],
)
def test_tests_that_are_named_run_alone(checkout: Path, option: str, place: str) -> None:
    """In one process, with the numbers of the profile."""
    effort = {"--quick": "dev", "--full": "full"}.get(option, "ci")
    options = [option] if option else []
    assert run(checkout, *options, "-x", place) == (0, [f"{effort} -x {place}"])
    whole = f"{checkout}/{place}"
    assert run(checkout, *options, whole) == (0, [f"{effort} {whole}"])
