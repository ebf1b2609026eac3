"""The fault matrix: prefix files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from extension_bench import Bench, Started

    Harmless = Callable[..., Started]


WARM = b'{"format":"prefixwarm-warm/1"}\n{"max_tokens":0}'
PREFIX_FAULTS: list[tuple[str, str, bytes, str]] = [
    ("empty", "a.warm", b"", "is not a compiled prefix"),
    ("garbage", "a.warm", os.urandom(999), "is not a compiled prefix"),
    ("fields missing", "a.warm", WARM, "is not a compiled prefix"),
    ("another version", "a.warm", b'{"format":"prefixwarm-warm/9"}\n{}', "this version reads"),
    ("list", "a.warm", b"[]\n{}", "is not a compiled prefix"),
    ("empty JSON", "a.prefix.json", b"", "a.prefix.json"),
    ("truncated JSON", "a.prefix.json", b'{"format": "prefixwarm/1", "na', "a.prefix.json"),
    ("another format", "a.prefix.json", b'{"format": "prefixwarm/9"}', "a.prefix.json"),
]


@pytest.mark.parametrize(
    ("name", "data", "reason"), [f[1:] for f in PREFIX_FAULTS], ids=[f[0] for f in PREFIX_FAULTS]
)
def test_a_prefix_file_is_broken(
    bench: Bench, harmless: Harmless, name: str, data: bytes, reason: str
) -> None:
    """The line names the file and what to do."""
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    (function.code / "prefixes" / name).write_bytes(data)
    started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert started.line["reason"].startswith(f"/var/task/prefixes/{name}")
    assert reason in started.line["reason"]


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


def _unreadable(path: Path) -> None:
    if os.geteuid():
        pytest.skip("the function runs as the user of this test, who may read what is his")
    path.write_bytes(WARM)
    path.chmod(0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_huge, "is larger than"),
        (_unreadable, "Permission denied"),
        (lambda path: path.mkdir(), "is not a regular file"),
    ],
    ids=["huge", "unreadable", "folder"],
)
def test_a_prefix_file_cannot_be_read(
    bench: Bench, harmless: Harmless, make: Callable[[Path], None], reason: str
) -> None:
    """Neither memory nor rights are taken for granted."""
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    make(function.code / "prefixes" / "a.warm")
    started = harmless(function)
    assert reason in started.line["reason"]


def test_a_truncated_prefix_is_not_sent_and_the_others_are(
    bench: Bench, harmless: Harmless
) -> None:
    """One broken file costs the others nothing."""
    compiled = bench.layer / "prefixwarm" / "prefixes" / "support.warm"
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    (function.code / "prefixes" / "cut.warm").write_bytes(compiled.read_bytes()[:-1])
    shutil.copy(compiled, function.code / "prefixes" / "whole.warm")
    started = harmless(function)
    assert sorted(line["outcome"] for line in started.lines) == ["failed", "written"]


def test_forty_prefix_files(bench: Bench, harmless: Harmless) -> None:
    """The first twenty are looked at; as they are the same prefix, one call is made."""
    compiled = bench.layer / "prefixwarm" / "prefixes" / "support.warm"
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes", PREFIXWARM_INIT_HOLD_MS="3000")
    (function.code / "prefixes").mkdir()
    for number in range(40):
        shutil.copy(compiled, function.code / "prefixes" / f"p{number}.warm")
    started = harmless(function)
    reasons = [line["reason"] for line in started.lines if line["outcome"] == "failed"]
    assert reasons == ["/var/task/prefixes: holds more than 20 prefixes"]
    assert len(started.lines) == 21
    assert len(bench.warm_calls()) == 1
