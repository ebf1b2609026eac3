"""How the parts of the local cloud are fetched and kept."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.toolchain import Tools, default_cache, fetch_emulator, publish


def test_cache_follows_the_xdg_base_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME wins over the home folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache() == Path("/elsewhere/prefixwarm")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_cache() == Path("/home/someone/.cache/prefixwarm")


def test_concurrent_fetches_publish_one_complete_part(tmp_path: Path) -> None:
    """Nobody sees a half-made folder, the losers of the race included."""

    def fetch(folder: Path) -> None:
        for number in range(50):
            (folder / str(number)).touch()

    part = tmp_path / "part"

    def published() -> int:
        publish(part, fetch)
        return len(list(part.iterdir()))

    with ThreadPoolExecutor(8) as pool:
        counts = [pool.submit(published) for _ in range(8)]
    assert {count.result() for count in counts} == {50}
    assert list(tmp_path.iterdir()) == [part]


def test_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    """The next attempt starts from scratch."""

    def fetch(folder: Path) -> None:
        (folder / "half").touch()
        raise LocalCloudError("no network")

    with pytest.raises(LocalCloudError, match="no network"):
        publish(tmp_path / "part", fetch)
    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is a clear error."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalCloudError, match=r"file.*: cannot be written"):
        Tools(tmp_path / "file").emulator()


def test_altered_wheel_is_refused(tmp_path: Path) -> None:
    """The emulator is run as a program, so its wheel must be the pinned one."""

    def download(what: str, *arguments: str) -> None:
        folder = arguments[arguments.index("-d") + 1]
        Path(folder, "aws_sam_cli-1.170.0-py3-none-any.whl").write_bytes(b"altered")

    with pytest.raises(LocalCloudError, match="sha256"):
        fetch_emulator(tmp_path, download)


def test_other_machines_are_told_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS ships the emulator for Linux only."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LocalCloudError, match=r"darwin.*needs Linux"):
        Tools(tmp_path).emulator()


def test_runtime_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """A function on another Python says which one is missing."""
    with pytest.raises(LocalCloudError, match=r"python3\.99: no working python3\.99"):
        Tools(tmp_path).python("python3.99")
    assert Tools(tmp_path).python(f"python3.{sys.version_info.minor}") == Path(sys.base_prefix)
