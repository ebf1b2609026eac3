"""The launcher with a failure at every line below its fallback, one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from extension_bench import ANSWER, changed_layer
from fake_lambda import FakeLambda, Life, installed

from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from extension_bench import Bench

    from tests.conftest import Tried

OFF = {"PREFIXWARM_INIT": "off", "PREFIXWARM_INIT_HOLD_MS": "500"}
LAUNCHER = Path(__file__).parents[3] / "layer" / "prefixwarm_layer" / "launcher.sh"
LINES = LAUNCHER.read_text().splitlines()
BELOW = range(LINES.index("end_child() { # leaves it a moment for its last line"), len(LINES))
MUTANTS = {
    "fails": lambda at: [*LINES[:at], "exit 1", *LINES[at:]],
    "is missing": lambda at: [*LINES[:at], *LINES[at + 1 :]],
    "is garbage": lambda at: [*LINES[:at], ") ( } fi", *LINES[at:]],
}


# Under the emulator: each line, or every fourth or sixth, in so many of the ways.
STEP = chosen(dev=6, ci=4, full=1)
WAYS = chosen(dev=1, ci=1, full=len(MUTANTS))


def mutant(kind: str, at: int) -> str:
    """The launcher with this line changed."""
    return "\n".join([*MUTANTS[kind](at), ""])


@pytest.mark.parametrize("kind", MUTANTS)
def test_no_line_below_its_fallback_can_fail_the_function(
    layer: Path, tmp_path: Path, kind: str
) -> None:
    """Against a fake Extensions API, all of them: the launcher still idles in `next`."""
    programs = []
    for at in BELOW:
        folder = tmp_path / str(at)
        folder.mkdir()
        programs.append(installed(layer, folder, mutant(kind, at)))

    def life(program: Path) -> Life:
        with FakeLambda() as fake:
            return fake.run(program, OFF)

    with ThreadPoolExecutor(3) as pool:
        lives = list(pool.map(life, programs))
    assert [LINES[at] for at, life in zip(BELOW, lives, strict=True) if not life.initialized] == []


def test_no_line_below_its_fallback_can_fail_the_function_under_the_emulator(
    bench: Bench, tmp_path: Path, tried: Tried
) -> None:
    """Each line or some, in one of the ways or in all: the function answers."""
    ways = [*MUTANTS, *MUTANTS]
    changes = [(way, at) for at in BELOW[::STEP] for way in ways[at % len(MUTANTS) :][:WAYS]]
    function = bench.plain(**OFF)

    def answered(change: tuple[str, int]) -> bool:
        files = {"extensions/prefixwarm": mutant(*change)}
        layer = changed_layer(bench.layer, tmp_path, files)
        answer = bench.start(replace(function, layers=(layer,)), {"n": 1}).answer
        return (answer.status, answer.payload) == (200, ANSWER)

    with ThreadPoolExecutor(3) as pool:
        good = list(pool.map(answered, changes))
    tried(len(good), "changed lines of the launcher, under the emulator")
    assert [(k, LINES[at]) for (k, at), fine in zip(changes, good, strict=True) if not fine] == []
