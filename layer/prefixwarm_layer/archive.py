"""Writes reproducible zip files: sorted names, one date, modes by path."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from prefixwarm_layer.build_cache import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
# Files that Lambda executes by path.
_PROGRAMS = ("extensions/", "prefixwarm/wrapper")


def write(target: Path, entries: Mapping[str, bytes]) -> None:
    """Write a zip of these entries atomically."""
    with replacing(target) as path, zipfile.ZipFile(path, "w") as archive:
        for name in sorted(entries):
            archive.writestr(_info(name, zipfile.ZIP_DEFLATED), entries[name], compresslevel=9)


def append(base: Path, target: Path, entries: Mapping[str, bytes]) -> None:
    """Copy a zip and append entries uncompressed; the base's bytes do not change.

    With entries, the zip is readable only by its owner, because they hold prompts.
    """
    with replacing(target, 0o600 if entries else 0o644) as path:
        path.write_bytes(base.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            for name in sorted(entries):
                archive.writestr(_info(name, zipfile.ZIP_STORED), entries[name])


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    mode = 0o755 if name.startswith(_PROGRAMS) else 0o644
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = compression
    return info
