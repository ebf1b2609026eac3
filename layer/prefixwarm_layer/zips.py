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
_LAYERS = {LAYER: True, LAYER_WITHOUT_OBSERVE: False}


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
    archive.append(_layer_base(observe=observe), Path(out), entries)
    return Path(out)


def build_keepwarm(out: Path) -> Path:
    """Write the zip of the keep-warm function's code."""
    archive.append(_keepwarm_base(), Path(out), {})
    return Path(out)


def build_release(folder: Path) -> None:
    """Build all zips from scratch into a folder, for the wheel."""
    for name, observe in _LAYERS.items():
        archive.write(folder / name, _layer_files(observe=observe))
    archive.write(folder / KEEPWARM, _keepwarm_files())


def _layer_base(*, observe: bool) -> Path:
    name = next(name for name, brings in _LAYERS.items() if brings is observe)
    if (SHIPPED / name).exists():
        return SHIPPED / name
    return _cached(name, _layer_files(observe=observe))


def _keepwarm_base() -> Path:
    if (SHIPPED / KEEPWARM).exists():
        return SHIPPED / KEEPWARM
    return _cached(KEEPWARM, _keepwarm_files())


def _layer_files(*, observe: bool) -> dict[str, bytes]:
    return with_layer_sbom(with_bytecode(layer_entries(observe=observe)))


def _keepwarm_files() -> dict[str, bytes]:
    return with_keepwarm_sbom(keepwarm_entries())


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
