"""Exports what a deployment without CDK uploads: both zips, the manifest and the prefix files."""

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

    Returns what ``deployment.json`` holds: the values that the templates ask for.

    Parameters
    ----------
    budget
        Cap of the keep-warm function, in US dollars a UTC day.
    region
        Where it is deployed: a part of the state's keys on the AWS routes.
    scope
        Label of the workspace, as in ``PREFIXWARM_CACHE_SCOPE``.

    Raises
    ------
    PrefixFileError
        When a prefix file is invalid; nothing is written then.
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
    """Write an object for the upload; return its key, which holds the digest of its content."""
    name = f"{sha256(content).hexdigest()}.json"
    path = out / "objects" / name
    path.touch(0o600)
    path.write_bytes(content)
    return _KEY_PREFIX + name
