"""Build what a deployment without CDK uploads: two zips, and the objects of the manifest.

    python build.py --prefixes prefixes --out sam/build

writes ``layer.zip``, ``keepwarm.zip``, ``objects/`` for an S3 bucket, and ``deployment.json`` with
the values that the templates ask for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from prefixwarm_layer import build_keepwarm, build_layer

from prefixwarm.core import prefix_file
from prefixwarm.core.errors import UsageError
from prefixwarm.core.routes import route_named
from prefixwarm.core.state import entry_key

__all__ = ["build", "main"]


def build(folder: Path, out: Path, *, region: str, scope: str, rule: str) -> dict[str, Any]:
    """Write everything into `out`; returns what `deployment.json` holds.

    Parameters
    ----------
    region
        Where it is deployed: a part of the state's key on the AWS routes.
    scope
        Label of the workspace, as in ``PREFIXWARM_CACHE_SCOPE``.
    rule
        ``auto``, ``ski``, ``hazard``, ``always`` or ``never``.
    """
    paths = prefix_file.find(folder)
    if not paths:
        raise UsageError(f"{folder}: holds no *{prefix_file.SUFFIX}")
    shutil.rmtree(out / "objects", ignore_errors=True)
    (out / "objects").mkdir(parents=True)
    build_layer(out / "layer.zip", paths)
    build_keepwarm(out / "keepwarm.zip")
    files = [prefix_file.load(path) for path in paths]
    entries = [_entry(out, path, file) for path, file in zip(paths, files, strict=True)]
    manifest = {
        "format": "prefixwarm-manifest/1",
        "prefixes": entries,
        "policy": rule,
        "latency_value": 0,
        "budget_usd_per_day": None,
    }
    found = {
        "ManifestKey": _upload(out, json.dumps(manifest, indent=2).encode()),
        "StateKeys": [_state_key(file, region, scope) for file in files],
        "CacheScope": scope,
    }
    (out / "deployment.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def _entry(out: Path, path: Path, file: prefix_file.PrefixFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "object": _upload(out, path.read_bytes()),
        "route": file.route,
        "model": file.model,
        "fingerprint": file.fingerprint["prefix"],
        "functions": [],
    }


def _upload(out: Path, content: bytes) -> str:
    """Put an object where it will be uploaded from; its key is the address of its content."""
    name = f"{sha256(content).hexdigest()}.json"
    (out / "objects" / name).write_bytes(content)
    return f"prefixwarm/{name}"


def _state_key(file: prefix_file.PrefixFile, region: str, scope: str) -> str:
    where = region if route_named(file.route).signing_service else ""
    return entry_key(file.route, where, scope, file.model, file.fingerprint["prefix"])


def main() -> int:
    """Parse the arguments, build, and print the parameters for `sam deploy`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--prefixes", type=Path, required=True, help="folder of prefix files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--region", default="", help="needed for the AWS routes")
    parser.add_argument("--scope", default="default", help="label of the workspace")
    parser.add_argument("--rule", default="auto", help="auto, ski, hazard, always or never")
    asked = parser.parse_args()
    try:
        found = build(
            asked.prefixes, asked.out, region=asked.region, scope=asked.scope, rule=asked.rule
        )
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    keys = ",".join(found["StateKeys"])
    sys.stdout.write(f"ManifestKey={found['ManifestKey']} StateKeys={keys}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
