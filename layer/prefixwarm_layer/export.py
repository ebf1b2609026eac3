"""Exports the files for a deployment without CDK: both zips, manifest and prefix files."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.manifest import Entry, Manifest, state_keys
from prefixwarm.prefix.prefix_file import load
from prefixwarm_layer.zips import build_keepwarm, build_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_KEY_PREFIX = "prefixwarm/"


def package(
    out: Path,
    prefixes: Sequence[Path],
    *,
    policy: str = "auto",
    budget: float | None = None,
    region: str = "",
    scope: str = "default",
) -> dict[str, Any]:
    """Write ``layer.zip``, ``keepwarm.zip``, ``objects/`` and ``deployment.json`` into a folder.

    Returns the content of ``deployment.json``: the parameters of the templates.

    Parameters
    ----------
    budget
        Cap of the keep-warm function, in US dollars per UTC day.
    region
        The deployment's region, part of the state keys on AWS routes.
    scope
        Label of the workspace, as in ``PREFIXWARM_CACHE_SCOPE``.

    Raises
    ------
    PrefixFileError
        A prefix file is invalid; nothing is written.
    """
    files = {path: load(path) for path in prefixes}
    _make_empty(out / "objects")
    build_layer(out / "layer.zip", prefixes)
    build_keepwarm(out / "keepwarm.zip")
    manifest = Manifest(
        entries=tuple(
            Entry.of(file, _write_object(out, path.read_bytes())) for path, file in files.items()
        ),
        policy_document=policy,
        budget_usd_per_day=budget,
    )
    deployment = {
        "ManifestKey": _write_object(out, manifest.to_json().encode()),
        "StateKeys": [state_keys(file, region, scope) for file in files.values()],
        "CacheScope": scope,
    }
    (out / "deployment.json").write_text(json.dumps(deployment, indent=2) + "\n", encoding="utf-8")
    return deployment


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _write_object(out: Path, content: bytes) -> str:
    """Write an object to upload; return its key, which contains its content's digest."""
    name = f"{sha256(content).hexdigest()}.json"
    path = out / "objects" / name
    path.touch(0o600)
    path.write_bytes(content)
    return _KEY_PREFIX + name
