"""What is said where environments cannot be started."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from prefixwarm.local import namespaces
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """The answer is remembered for the life of a process; not here."""
    namespaces.unshare.cache_clear()
    yield
    namespaces.unshare.cache_clear()


def test_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package that brings it."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LocalCloudError, match="unshare: not found; install util-linux"):
        namespaces.check()


def test_forbidden_namespaces_are_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kernel's reason."""
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(refusing))
    with pytest.raises(LocalCloudError, match="Operation not permitted: this machine forbids"):
        namespaces.check()
