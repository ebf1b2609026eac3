"""The fault matrix: disk, home and time of the environment itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extension_bench import ANSWER, ENDED
from inside import full_tmp

if TYPE_CHECKING:
    from collections.abc import Callable

    from extension_bench import Bench, Started

    Harmless = Callable[..., Started]


def test_the_disk_is_full(bench: Bench, harmless: Harmless) -> None:
    """Not a byte is left in ``/tmp``, and none is needed."""
    started = harmless(bench.plain(), prepared=full_tmp)
    assert started.line["outcome"] == "written"


def test_the_home_is_read_only(bench: Bench, harmless: Harmless) -> None:
    """Nothing is written there, nor anywhere but a mark in ``/tmp``."""
    assert harmless(bench.plain(HOME="/var/task")).line["outcome"] == "written"


def test_the_function_has_less_time_than_the_warm_call(bench: Bench) -> None:
    """Where the init phase counts towards the time-out, half of it is the most that is held."""
    bench.provider.inject(kind="slow", seconds=30)
    function = replace(bench.plain(PREFIXWARM_INIT_HOLD_MS="9000"), timeout=4)
    started = bench.start(function, {"n": 1})
    assert (started.answer.status, started.answer.payload) == (200, ANSWER)
    assert started.line["reason"] == ENDED
