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
from prefixwarm_layer.sbom import with_keepwarm_sbom, with_layer_sbom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SHIPPED = Path(__file__).parent / "shipped"
LAYER = "layer.zip"
LAYER_WITHOUT_OBSERVE = "layer-without-observe.zip"
KEEPWARM = "keepwarm.zip"


def build_layer(out: Path, prefixes: Sequence[Path] = (), *, observe: bool = True) -> Path:
    """Write the layer's zip: code, CA roots, and prefix files.

    With `observe` it includes `prefixwarm.observe` for the agent. The bytes are the same on every
    machine with Node.js and npm, or with a wheel built on one; `bytecode_warning` reports other
    cases.

    Raises
    ------
    PrefixFileError
        A prefix file is invalid; nothing is written.
    """
    entries = prefix_entries(prefixes)
    archive.append(_base(LAYER if observe else LAYER_WITHOUT_OBSERVE), Path(out), entries)
    return Path(out)


def build_keepwarm(out: Path) -> Path:
    """Write the zip of the keep-warm function's code."""
    archive.append(_base(KEEPWARM), Path(out), {})
    return Path(out)


def build_release(folder: Path) -> None:
    """Build all zips from scratch into a folder, for the wheel."""
    for name in (LAYER, LAYER_WITHOUT_OBSERVE, KEEPWARM):
        archive.write(folder / name, _files(name))


def _files(name: str) -> dict[str, bytes]:
    if name == KEEPWARM:
        return with_keepwarm_sbom(keepwarm_entries())
    return with_layer_sbom(with_bytecode(layer_entries(observe=name == LAYER)))


def _base(name: str) -> Path:
    """A zip without prefixes: as shipped, or else from the cache or built now."""
    if (SHIPPED / name).exists():
        return SHIPPED / name
    entries = _files(name)
    cached = build_cache.folder("zips") / f"{_digest(entries)}-{name}"
    if not cached.exists():
        archive.write(cached, entries)
    return cached


def _digest(entries: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(entries):
        digest.update(name.encode() + b"\0" + hashlib.sha256(entries[name]).digest())
    return digest.hexdigest()[:32]
