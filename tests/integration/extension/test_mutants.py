"""The Python part with a failure at every line, one at a time."""

from __future__ import annotations

import importlib.util
import marshal
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from extension_bench import ANSWER, KEY, PROMPT, changed_layer

from prefixwarm_layer.layout import layer_modules
from tests.helpers.effort import chosen
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from extension_bench import Bench

    from tests.conftest import Tried

# How many of the Python part's lines fail: as a process, and under the emulator.
SAMPLE = chosen(dev=20, ci=40, full=None)
# A sandbox takes seconds of a machine, and each line fails as a process anyway.
EMULATED = chosen(dev=6, ci=12, full=240)
KINDS = ("error", "memory", "leave", "os", "exit", "kill")
FAILING_BOOTSTRAP = Path(__file__).with_name("failing_bootstrap.py")


@cache
def traceable() -> bytes:
    """The layer's bytecode for this Python, with lines and files."""
    modules = {
        name: (package, compile(source, f"/python/{name}", "exec", dont_inherit=True))
        for name, (package, source) in layer_modules().items()
    }
    return marshal.dumps(modules)


def failing(layer: Path, folder: Path) -> Path:
    """The layer with a Python part of which any line can be told to fail."""
    changes = {
        "prefixwarm/bootstrap.py": FAILING_BOOTSTRAP.read_bytes(),
        "prefixwarm/real_bootstrap.py": (layer / "prefixwarm" / "bootstrap.py").read_bytes(),
        f"prefixwarm/code/{importlib.util.MAGIC_NUMBER.hex()}": traceable(),
    }
    return changed_layer(layer, folder, changes)


@dataclass(frozen=True)
class Mutant:
    """One run of the Python part in which one line failed."""

    where: str
    kind: str
    status: int
    output: str

    @property
    def harmless(self) -> bool:
        """It ended, gave a reason where it still could, and showed no secret."""
        if self.where.startswith("prefixwarm_start"):
            # Before there is anything to protect: the launcher says that it ended.
            return True
        logged = '"by":"init"' in self.output or self.kind in ("exit", "kill")
        shown = any(text in self.output for text in ("Traceback", KEY, PROMPT))
        return logged and not shown


@pytest.fixture
def program(layer: Path, tmp_path: Path) -> Path:
    """The Python part of such a layer."""
    return failing(layer, tmp_path) / "prefixwarm" / "bootstrap.py"


def run(program: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As the launcher starts it, with a fresh warm state."""
    command = f"exec {sys.executable} -I -S {program} 5000 3>&1 2>&1"
    env = {**env, "PREFIXWARM_CACHE_SCOPE": uuid.uuid4().hex}
    return subprocess.run(
        ["bash", "-c", command], env=env, capture_output=True, text=True, timeout=PATIENCE
    )


def environment(bench: Bench, layer: Path) -> dict[str, str]:
    """What the Python part sees outside the emulator."""
    return {
        "PATH": os.environ["PATH"],
        **bench.plain().environment(),
        "PREFIXWARM_PREFIXES": str(layer / "prefixwarm" / "prefixes"),
    }


def lines_that_run(bench: Bench, layer: Path, program: Path, folder: Path) -> list[str]:
    """Every line of a start that writes, as ``MODULE:LINE``."""
    env = {**environment(bench, layer), "LINES_TO": str(folder / "lines")}
    assert '"outcome":"written"' in run(program, env).stdout
    return (folder / "lines").read_text().splitlines()


def sample(lines: list[str], count: int | None) -> list[str]:
    """So many of the lines, evenly spread; all of them for None."""
    return lines[:: max(1, len(lines) // count)] if count else lines


def test_no_line_of_the_python_part_hangs_or_tells_a_secret(
    bench: Bench, layer: Path, program: Path, tmp_path: Path, tried: Tried
) -> None:
    """Whatever fails, the process ends, which is all that the launcher needs."""
    ran = lines_that_run(bench, layer, program, tmp_path)
    env = environment(bench, layer)
    fail = sample(ran, SAMPLE)

    def mutant(number: int) -> Mutant:
        where, kind = fail[number], KINDS[number % len(KINDS)]
        done = run(program, {**env, "FAIL_AT": f"{where}:{kind}"})
        return Mutant(where, kind, done.returncode, done.stdout)

    with ThreadPoolExecutor(3) as pool:
        mutants = list(pool.map(mutant, range(len(fail))))
    tried(len(mutants), "failing lines of the Python part, as a process")
    assert len(ran) > 500
    harmful = [mutant for mutant in mutants if not mutant.harmless]
    assert not harmful, "\n".join(map(str, harmful))


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("prefixwarm_extension.main:1", "error"),
        ("prefixwarm.wire.http:1", "kill"),
        ("prefixwarm_start:1", "leave"),
    ],
)
def test_a_mutant_under_the_emulator(bench: Bench, tmp_path: Path, where: str, kind: str) -> None:
    """A module that cannot even be imported: the function answers, and one line says why not."""
    function = bench.plain(FAIL_AT=f"{where}:{kind}")
    started = bench.start(replace(function, layers=(failing(bench.layer, tmp_path),)), {"n": 1})
    assert (started.answer.status, started.answer.payload) == (200, ANSWER)
    assert len(started.lines) == 1


def test_lines_of_the_python_part_under_the_emulator(
    bench: Bench, layer: Path, program: Path, tmp_path: Path, tried: Tried
) -> None:
    """A sample of the lines, each in another way."""
    fail = sample(lines_that_run(bench, layer, program, tmp_path), EMULATED)
    changed = failing(bench.layer, tmp_path)

    def answered(number: int) -> bool:
        fault = f"{fail[number]}:{KINDS[number % len(KINDS)]}"
        scope = uuid.uuid4().hex
        function = bench.plain(FAIL_AT=fault, PREFIXWARM_CACHE_SCOPE=scope)
        answer = bench.start(replace(function, layers=(changed,)), {"n": 1}).answer
        return (answer.status, answer.payload) == (200, ANSWER)

    with ThreadPoolExecutor(3) as pool:
        good = list(pool.map(answered, range(len(fail))))
    tried(len(good), "failing lines of the Python part, under the emulator")
    assert [where for where, fine in zip(fail, good, strict=True) if not fine] == []
