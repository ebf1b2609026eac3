"""Zip files with the same bytes for the same contents: sorted names, one date, modes by place."""

from __future__ import annotations

import os
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def write(target: Path, entries: Mapping[str, bytes]) -> None:
    """Write a zip of these entries, whole or not at all."""
    with _unfinished(target) as path, zipfile.ZipFile(path, "w") as archive:
        for name in sorted(entries):
            archive.writestr(_info(name, zipfile.ZIP_DEFLATED), entries[name], compresslevel=9)


def append(base: Path, target: Path, entries: Mapping[str, bytes]) -> None:
    """Copy a zip and add entries to it, uncompressed: the base's own bytes stay as they are."""
    with _unfinished(target) as path:
        path.write_bytes(base.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            for name in sorted(entries):
                archive.writestr(_info(name, zipfile.ZIP_STORED), entries[name])


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A file of our own beside the target, which it becomes; others may write the same one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(number)
    path = Path(name)
    try:
        yield path
        path.chmod(0o644)
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    mode = 0o755 if name.startswith("extensions/") else 0o644
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = compression
    return info
