"""Builds the zips, or copies them from the wheel."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm_layer import archive, build_cache
from prefixwarm_layer.layout import (
    keepwarm_entries,
    layer_entries,
    prefix_entries,
    with_bytecode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SHIPPED = Path(__file__).parent / "shipped"
LAYER = "layer.zip"
KEEPWARM = "keepwarm.zip"


def build_layer(out: Path, prefixes: Sequence[Path] = ()) -> Path:
    """Write the layer's zip: code, CA roots, and these prefix files.

    The bytes are the same on every machine that has Node.js and npm, or a wheel that was built
    where both are; `bytecode_warning` says when they are not.

    Raises
    ------
    PrefixFileError
        When a prefix file is invalid; nothing is written then.
    """
    entries = prefix_entries(prefixes)
    archive.append(_layer_base(), Path(out), entries)
    return Path(out)


def build_keepwarm(out: Path) -> Path:
    """Write the zip of the keep-warm function's code."""
    archive.append(_keepwarm_base(), Path(out), {})
    return Path(out)


def build_release(folder: Path) -> None:
    """Build both zips anew into a folder, for the wheel."""
    archive.write(folder / LAYER, with_bytecode(layer_entries()))
    archive.write(folder / KEEPWARM, keepwarm_entries())


def _layer_base() -> Path:
    if (SHIPPED / LAYER).exists():
        return SHIPPED / LAYER
    return _cached(LAYER, with_bytecode(layer_entries()))


def _keepwarm_base() -> Path:
    if (SHIPPED / KEEPWARM).exists():
        return SHIPPED / KEEPWARM
    return _cached(KEEPWARM, keepwarm_entries())


def _cached(name: str, entries: Mapping[str, bytes]) -> Path:
    cached = build_cache.folder("zips") / f"{_digest(entries)}-{name}"
    if not cached.exists():
        archive.write(cached, entries)
    return cached


def _digest(entries: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(entries):
        digest.update(name.encode() + b"\0" + hashlib.sha256(entries[name]).digest())
    return digest.hexdigest()[:32]
